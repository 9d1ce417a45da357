import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

/** Counts the checks of a caller's session or key in the store, and lets each of them run. */
function countChecks({ parts }: TestServer): () => number {
  const { revocations } = parts.identity
  const check = revocations.requireNotRevoked.bind(revocations)
  let checks = 0
  revocations.requireNotRevoked = (principal) => {
    checks += 1
    check(principal)
  }
  return () => {
    const counted = checks
    checks = 0
    return counted
  }
}

test('the caller of a call is validated once, over a socket and over HTTP', async () => {
  await using server = await TestServer.start()
  const ada = await server.agent('ada')
  const overHttp = server.connect({ token: ada.token, calls: 'http' })
  await ada.tasks.list()
  const checksSince = countChecks(server)
  await ada.tasks.list()
  expect(checksSince()).toBe(1)
  await ada.tasks.claim({})
  expect(checksSince()).toBe(1)
  await overHttp.tasks.list()
  expect(checksSince()).toBe(1)
})
