"""The shell: load through ports, call pure stages, commit what they return. Single-threaded; async lives above."""
