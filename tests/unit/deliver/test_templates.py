"""Templates: what is refused when they are put, what they print, and what they can never do."""

from __future__ import annotations

import time
from html import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from eachwise.catalog import parse_definitions
from eachwise.contracts.experience import Experience, Template
from eachwise.deliver import RenderFailed, render, template_faults
from eachwise.deliver.checks import faults_of
from eachwise.deliver.sandbox import for_templates
from eachwise.deliver.words import html_of, text_of


@for_templates
def link(url: str) -> str:
    return f"https://shop.example/t/c/{url[-5:]}"


def context(**more: Any) -> dict[str, Any]:
    return {
        "person": {
            "individual_id": "user:1",
            "stage": "known",
            "lapsed": False,
            "engagement": 12.0,
            "traits": {"first_name": "Ann <b>", "blank": "  ", "nothing": None, "n": 3},
        },
        "items": [
            {"item_id": "a", "title": "A & B", "url": "https://shop.example/a", "attributes": {}},
            {"item_id": "c", "title": "C", "url": None, "attributes": {"colour": "red"}},
        ],
        "experience": {"experience_id": "x", "title": "X", "kind": "message"},
        "event": {"order_id": "o-1", "items": [1, 2], "products": [{"name": "Pan"}, {"name": ""}]},
        "unsubscribe_url": "https://shop.example/u/T",
        "preferences_url": "https://shop.example/p/T",
        "message_id": "m-1",
        "link": link,
        **more,
    }


def mail(**content: Any) -> Experience:
    return Experience(experience_id="x", title="Title", placements=["mail"], content=content)


def written(text: str, **more: Any) -> str:
    made = render(mail(subject="s", text=text), "email", context(**more))
    return made.parts["text"]


FINE = (
    "{{ person.stage }} {{ person.individual_id }} {{ experience.title }} {{ unsubscribe_url }}",
    "{{ person.traits.x | default('friend') }}",
    "{{ person.traits['x'] | d('friend') | upper }}",
    "{% if person.traits.x %}{{ person.traits.x }}{% endif %}",
    "{% if not person.traits.x %}nobody{% else %}{{ person.traits.x }}{% endif %}",
    "{% if person.traits.x is defined and person.traits.y %}{{ person.traits.x }}{{ person.traits.y }}{% endif %}",
    "{% if person.traits.tier == 'gold' %}{{ person.traits.tier }}{% endif %}",
    "{{ event.a if event.a else 'b' }}",
    "{% for item in items %}{{ loop.index }} {{ item.title }} {{ link(item.url | d('https://x.de')) }}{% endfor %}",
    "{% for item in items[:3] %}{% if item.price %}{{ item.price }}{% endif %}{% endfor %}",
    "{% for p in event.products | default([]) %}{{ p.name | default('it') }}{% endfor %}",
    "{% set name = person.traits.x | default('you') %}{{ name }}",
    "{% for n in range(3) %}{{ n }}{% endfor %}",
)
FAULTY = (
    ("Hello {{ first_name }}", 1, "nothing is called 'first_name'"),
    ("a\nb {{ person.traits.x }}", 2, "person.traits.x | default("),
    ("{{ person.traits.x.y }}", 1, "default("),
    ("{{ person.name }}", 1, "there is no person.name; known: engagement"),
    ("{{ person.name | default('x') }}", 1, "there is no person.name"),
    ("{{ event.total }}", 1, "event.total | default("),
    ("{% if person.traits.a or person.traits.b %}{{ person.traits.a }}{% endif %}", 1, "default("),
    ("{% if not event.a %}{{ event.a }}{% endif %}", 1, "default("),
    ("{% for item in items %}{{ item.price }}{% endfor %}", 1, "item.price | default("),
    ("{% for item in items %}{{ item.name }}{% endfor %}", 1, "no field 'name' of an item"),
    ("{{ items[0].title }}", 1, "default("),
    ("{{ event.a if event.a }}", 1, "needs its else"),
    ("{% for p in event.products %}x{% endfor %}", 1, "event.products | default("),
    ("{{ person.traits[event.a | default('b')] }}", 1, "computed name"),
    ("{% include 'x' %}", 1, "include"),
    ("{% macro m() %}{{ m() }}{% endmacro %}", 1, "macro"),
    ("{% for a in items recursive %}x{% endfor %}", 1, "recursive"),
    ("{% for a in items %}{% for b in items %}{% for c in items %}{% endfor %}{% endfor %}{% endfor %}", 1, "2 deep"),
    ("\n{% if %}", 2, "not a valid template"),
    ("{{ person.stage | nosuch }}", 1, "not a valid template"),
    ("{{ content }}", 1, "nothing is called 'content'"),
    ("{% set x = event.a %}", 1, "event.a | default("),
)  # fmt: skip


@pytest.mark.parametrize("source", FINE)
def test_what_is_sure_to_be_there_is_taken_and_renders(source: str) -> None:
    assert list(faults_of(source, html=False, layout=False)) == []
    written(f"- {source}")
    # Of a person of whom nothing is known, and without items.
    bare = {"person": {**context()["person"], "traits": {}}, "items": [], "event": {}}
    assert "None" not in written(f"- {source}", **bare)


@pytest.mark.parametrize(("source", "line", "words"), FAULTY)
def test_what_may_be_missing_is_refused_with_line_and_fix(
    source: str, line: int, words: str
) -> None:
    found = list(faults_of(source, html=False, layout=False))
    assert found, "nothing was found"
    assert found[0][0] == line
    assert words in found[0][1]


def test_faults_name_the_experience_the_part_and_the_layout() -> None:
    definitions = parse_definitions(
        """
templates:
  - template_id: shop
    html: "<body>{{ content }}{{ nobody }}</body>"
placements:
  - {placement_id: mail, channel: email}
  - {placement_id: hero, channel: web}
experiences:
  - experience_id: a
    placements: [mail]
    content: {subject: "{{ event.x }}", layout: shup, payload: "{{ never_read }}"}
  - experience_id: b
    placements: [hero]
    content: {text: "{{ raw on a page }}"}
"""
    )
    found = [(fault.path, fault.reason) for fault in template_faults(definitions)]
    assert [path for path, _ in found] == [
        ("templates", "shop", "html"),
        ("experiences", "a", "content", "layout"),
        ("experiences", "a", "content", "subject"),
    ]
    assert "no template 'shup'; known: shop" in found[1][1]


def test_values_are_escaped_in_html_and_not_in_text() -> None:
    source = "{{ person.traits.first_name | default('x') }} {{ items[0].title | default('') }}"
    made = render(mail(subject=source, text=source, html=source), "email", context())
    assert made.parts["html"] == "Ann &lt;b&gt; A &amp; B"
    assert made.parts["text"] == made.parts["subject"] == "Ann <b> A & B"


def test_blank_and_null_traits_are_missing() -> None:
    for name in ("blank", "nothing", "absent"):
        assert written(f"{{{{ person.traits.{name} | default('you') }}}}") == "you"
        with pytest.raises(RenderFailed, match=rf"text: .*{name}"):
            written(f"{{{{ person.traits.{name} }}}}")


def test_an_entry_comes_before_a_method_of_its_name() -> None:
    assert written("{{ event.items | length }}{% if event.pop %}!{% endif %}") == "2"
    with pytest.raises(RenderFailed):
        written("{{ event.copy }}")


ESCAPES = (
    "{{ person.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ link.__globals__ }}",
    "{{ link.__func__ }}",
    "{{ 'x' * 1000000000 }}",
    "{{ 2 ** 100000000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ 'a'.join(['b']) }}",
    "{{ range(100000) | list }}",
    "{{ person.traits.update({'n': 4}) }}",
    "{{ items.append(1) }}",
    "{% for a in range(100) %}{% for b in range(100) %}" + "x" * 1000 + "{% endfor %}{% endfor %}",
)

# Each accepted when it is put, each gigabytes or minutes without bounds at every step.
GROWING = (
    "{% set a = '0123456789' %}" + "{% set a = a ~ a %}" * 40 + "{{ a | length }}",
    "{% set a = '0123456789' %}" + "{% set a = a + a %}" * 40 + "{{ a | length }}",
    "{% set a = [1] %}" + "{% set a = a + a %}" * 40 + "{{ a | length }}",
    "{% set a = 'ab' %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40 + "{{ a | length }}",
    "{% set a = 'ab' %}" + "{% set a = [a, a] | join %}" * 40 + "{{ a | length }}",
    "{% set a = 10 %}" + "{% set a = a * a %}" * 40 + "{{ a > 1 }}",
    "{{ 'a'" + " | list | string" * 40 + " | length }}",
    "{{ '%'" + " | urlencode" * 9 + " | join('y' * 1) }}",
    "{{ items | slice(30000000) | list | length }}",
    "{{ items | slice(slices=30000000) | list | length }}",
    "{{ items | batch(30000000, 'x') | list | length }}",
    "{{ 1 | round(300000000, 'ceil') }}",
    "{{ ('a' ~ range(100) | join) | join(('b' ~ range(100) | join)) | length }}",
)


@pytest.mark.parametrize("source", [*ESCAPES, *GROWING])
def test_the_sandbox_holds(source: str) -> None:
    began_s = time.monotonic()
    with pytest.raises(RenderFailed):
        written(source)
    assert time.monotonic() - began_s < 5


def test_small_sums_joins_and_slices_are_taken() -> None:
    assert written("{% set a = 'x' ~ 1 ~ person.stage %}{{ a + '!' }}") == "x1known!"
    assert written("{{ range(7) | slice(2) | list }}") == "[[0, 1, 2, 3], [4, 5, 6]]"
    assert written("{{ [1, 2] + [3] }}{{ 2 + 2.5 }}{{ [1, 2] | join(', ') }}") == "[1, 2, 3]4.51, 2"
    assert (
        written("{% set a %}{{ person.stage }}{% endset %}{{ a }}{{ 1.25 | round(1) }}")
        == "known1.2"
    )
    with pytest.raises(RenderFailed, match=r"person\.traits.*absent|absent"):
        written("{{ 'a' ~ person.traits.absent }}")
    made = render(
        mail(html="{{ '<' ~ person.traits.n }}{% set a %}&{% endset %}{{ a ~ '<' }}"),
        "email",
        context(),
    )
    assert made.parts["html"] == "&lt;3&&lt;"


def test_a_mail_has_both_parts_whatever_was_written() -> None:
    of_html = render(
        mail(
            html="<h1>Hi</h1><p>See <a href='https://x.example/a'>this</a></p><script>no</script>"
        ),
        "email",
        context(),
    ).parts
    assert of_html["subject"] == "Title"
    assert of_html["text"] == "Hi\n\nSee this (https://x.example/a)\n"
    of_text = render(mail(text="Hi & bye\n\nhttps://x.example/a."), "email", context()).parts
    assert "<p>Hi &amp; bye</p>" in of_text["html"]
    assert '<a href="https://x.example/a">https://x.example/a</a>.' in of_text["html"]
    with pytest.raises(RenderFailed, match=r"neither content\.text nor content\.html"):
        render(mail(subject="x"), "email", context())
    with pytest.raises(RenderFailed, match="empty"):
        written("{% if event.nothing %}x{% endif %}")


def test_a_layout_frames_both_parts_and_the_pixel_and_preheader_find_their_place() -> None:
    frame = Template(
        template_id="shop",
        html="<html><body class='x'>{{ content }}<a href='{{ unsubscribe_url }}'>off</a></body></html>",
        text="{{ content }}-- \n{{ unsubscribe_url }}",
    )
    long = "word " * 5000
    made = render(
        mail(html=f"<p>{{{{ person.stage }}}} & {long}</p>", preheader="Look <in>"),
        "email",
        context(),
        frame,
        "https://shop.example/t/o/T.gif",
    )
    html = made.parts["html"]
    assert html.startswith("<html><body class='x'><div style=")
    assert "Look &lt;in&gt;</div><p>known & word" in html
    assert html.count("word") == 5000
    assert html.endswith(
        '<img src="https://shop.example/t/o/T.gif" width="1" height="1" alt=""></body></html>'
    )
    assert made.parts["text"].endswith("-- \nhttps://shop.example/u/T")
    assert "preheader" not in made.parts


def test_a_layout_of_one_part_frames_the_part_that_is_made_of_the_other() -> None:
    leave = "https://shop.example/u/T"
    of_html = Template(
        template_id="shop",
        html="<body>{{ content }}<a href='{{ unsubscribe_url }}'>Leave</a></body>",
    )
    parts = render(mail(html="<p>Hi</p>"), "email", context(), of_html).parts
    assert parts["text"] == f"Hi\n\nLeave ({leave})\n"
    parts = render(mail(text="Hi", html="<p>Ho</p>"), "email", context(), of_html).parts
    assert parts["text"] == "Hi"
    of_text = Template(template_id="shop", text="{{ content }}\n\nLeave: <{{ unsubscribe_url }}>")
    parts = render(mail(text="Hi"), "email", context(), of_text).parts
    assert parts["html"].count(f'&lt;<a href="{leave}">{leave}</a>&gt;') == 1
    parts = render(mail(html="<p>Ho</p>"), "email", context(), of_text).parts
    assert parts["html"] == "<p>Ho</p>"


def test_pixel_and_preheader_find_their_place_behind_letters_that_lower_to_two() -> None:
    frame = Template(template_id="shop", html="İİİ<BODY>{{ content }}İİİ</BODY></html>")
    made = render(mail(html="<p>İ</p>", preheader="P"), "email", context(), frame, "https://x.de/o")
    html = made.parts["html"]
    assert html.startswith("İİİ<BODY><div style=")
    assert html.endswith('İİİ<img src="https://x.de/o" width="1" height="1" alt=""></BODY></html>')


def test_html_that_comes_out_empty_is_made_of_the_text() -> None:
    made = render(mail(text="Hi", html="{% if event.nothing %}x{% endif %}"), "email", context())
    assert "<p>Hi</p>" in made.parts["html"]


def test_a_subject_has_no_control_characters() -> None:
    event = {"said": "a\0b\x1bc\u2028d\x85e"}
    made = render(
        mail(subject="{{ event.said | default('') }}", text="t"), "email", context(event=event)
    )
    assert made.parts["subject"] == "a b c d e"
    titled = Experience(experience_id="x", title="a\nb", content={"text": "t"})
    assert render(titled, "email", context()).parts["subject"] == "a b"


def test_a_subject_is_one_line() -> None:
    made = render(
        mail(subject="a\r\nBcc: x@y.example\n {{ person.stage }}", text="t"), "email", context()
    )
    assert made.parts["subject"] == "a Bcc: x@y.example known"


def test_payloads_and_pushes() -> None:
    experience = mail(
        text="Hello {{ person.stage }}",
        title="T {{ person.traits.n | default(0) }}",
        body="B",
        payload={
            "to": "{{ person.traits.n | default(0) }}",
            "deep": [{"k": "{{ event.order_id | default('') }}"}],
            "n": 1,
        },
    )
    sms = render(experience, "sms", context())
    assert sms.parts == {"text": "Hello known"}
    assert sms.payload == {"to": "3", "deep": [{"k": "o-1"}], "n": 1}
    assert render(experience, "push", context()).parts == {"title": "T 3", "body": "B"}
    with pytest.raises(RenderFailed):
        render(mail(), "sms", context())


def test_words_and_html_of_words() -> None:
    assert text_of(
        "<ul><li>a</li><li>b <b>c</b></li></ul><br>d<img alt='pic'>"
    ) == "- a\n- b c\n\nd pic\n".replace(" pic", "pic")
    assert html_of("<i>") == (
        '<!doctype html>\n<html><head><meta charset="utf-8"></head><body>\n<p>&lt;i&gt;</p>\n</body></html>\n'
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Leave: <{}>", '<p>Leave: &lt;<a href="{}">{}</a>&gt;</p>'),
        ("see '{}' now", '<p>see &#x27;<a href="{}">{}</a>&#x27; now</p>'),
        ('see "{}" now', '<p>see &quot;<a href="{}">{}</a>&quot; now</p>'),
        ("({}).", '<p>(<a href="{}">{}</a>).</p>'),
        ("{}\n{}", '<p><a href="{}">{}</a><br>\n<a href="{}">{}</a></p>'),
    ],
)
@pytest.mark.parametrize("url", ["https://x.example/u/TOKEN.x_-", "http://x.example/?a=1&b=2"])
def test_an_address_in_text_is_linked_to_as_it_is(text: str, html: str, url: str) -> None:
    assert html.replace("{}", escape(url)) in html_of(text.replace("{}", url))


@rounds(max_examples=100, deadline=None)
@given(text=st.text(st.sampled_from("ab<>&\"' \n\t;.https:/"), max_size=60))
def test_html_of_text_says_what_the_text_says(text: str) -> None:
    assert text_of(html_of(text)).split() == text.split()


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<html><head><title>T</title><body><p>Hello you</p></body></html>", "Hello you\n"),
        ("<html><head><style>p{}</style><meta charset=x><p>Hello</html>", "Hello\n"),
        ("<head><title>T</title></head><body>Hello</body>", "Hello\n"),
        ("<!--[if mso]>a<![endif]--><![if !mso]>b<![endif]><![x y]>c", "bc\n"),
    ],
)
def test_text_of_html_whose_head_is_left_open_and_of_odd_comments(html: str, text: str) -> None:
    assert text_of(html) == text


@rounds(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('<>![]/-?& ="abpdivheascript'), max_size=40))
def test_text_of_takes_whatever_stands_there(html: str) -> None:
    assert text_of(html).endswith("\n")
