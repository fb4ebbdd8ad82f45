// Sends every kind of call with Segment's own Node client: node send.mjs URL WRITE_KEY ROUNDS
// Prints one line of JSON: how many calls were made, how many delivered, and what failed.
import { Analytics } from '@segment/analytics-node'

const [host, writeKey, rounds] = process.argv.slice(2)
const analytics = new Analytics({ writeKey, host, flushAt: 7, maxRetries: 3 })
const outcome = { made: 0, delivered: 0, errors: [] }

analytics.on('error', (error) => outcome.errors.push(String(error.reason ?? error.code)))

const calls = (round) => {
  const userId = `node-${round}`
  const anonymousId = `node-anon-${round}`
  return [
    ['page', { anonymousId, category: 'Docs', name: 'Home', properties: { path: '/' } }],
    ['track', { anonymousId, event: 'Product Viewed', properties: { product_id: `p${round}` } }],
    ['identify', { userId, anonymousId, traits: { email: `${userId}@mail.example` } }],
    ['track', { userId, event: 'Order Completed', properties: { order_id: `${userId}-o`, total: 9.5 } }],
    ['screen', { userId, name: 'Basket' }],
    ['group', { userId, groupId: 'club', traits: { name: 'Club' } }],
    ['alias', { userId, previousId: `node-old-${round}` }],
  ]
}

for (let round = 0; round < Number(rounds); round++) {
  for (const [kind, fields] of calls(round)) {
    outcome.made += 1
    analytics[kind](fields, (error) => {
      if (error) outcome.errors.push(String(error))
      else outcome.delivered += 1
    })
  }
}
await analytics.closeAndFlush({ timeout: 20000 })
console.log(JSON.stringify(outcome))
