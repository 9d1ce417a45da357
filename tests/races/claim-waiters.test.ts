import { ClaimWaiters } from '@tony/mcp-server/domain/tasks/claim-waiters'
import { expect, test } from 'vitest'

const agent = (agentId: string, ...capabilities: string[]) => ({
  project: 'p',
  agentId,
  capabilities: new Set(capabilities),
})

const created = (requires: string) =>
  ({ topic: 'tasks', project: 'p', requires: JSON.stringify([requires]), assignedTo: '', count: 1 }) as const

/** Enters the queue and counts its notifications. */
function waiter(queue: ClaimWaiters, agentId: string) {
  const rung = { times: 0 }
  const place = queue.enter({ project: 'p', agentId }, () => {
    rung.times += 1
  })
  return { place, rung }
}

test('a task that arrives during a claim is not lost on an agent that could not take it before', () => {
  const queue = new ClaimWaiters()
  const { place, rung } = waiter(queue, 'ada')
  place.beforeAttempt()
  place.afterAttempt(agent('ada'))
  queue.recheck('p', 'ada')
  expect(rung.times).toBe(1)
  place.beforeAttempt()
  // The claim's attempt has read the agent's new state, and its reply has not arrived yet.
  queue.notify(created('go'))
  place.afterAttempt(agent('ada', 'go'))
  expect(rung.times).toBe(2)
})

test("a notification for a task that the claim's agent may not take goes to the next waiter", () => {
  const queue = new ClaimWaiters()
  const [ada, bob] = [waiter(queue, 'ada'), waiter(queue, 'bob')]
  ada.place.beforeAttempt()
  bob.place.beforeAttempt()
  bob.place.afterAttempt(agent('bob', 'go'))
  queue.notify(created('go'))
  expect([ada.rung.times, bob.rung.times]).toEqual([1, 0])
  ada.place.afterAttempt(agent('ada'))
  expect(bob.rung.times).toBe(1)
})

test('a notification of a claim whose agent is paused or draining goes to the next waiter', () => {
  const queue = new ClaimWaiters()
  const [ada, bob] = [waiter(queue, 'ada'), waiter(queue, 'bob')]
  for (const [{ place }, name] of [
    [ada, 'ada'],
    [bob, 'bob'],
  ] as const) {
    place.beforeAttempt()
    place.afterAttempt(agent(name, 'go'))
  }
  queue.notify(created('go'))
  ada.place.beforeAttempt()
  queue.notify(created('go'))
  ada.place.afterAttempt('closed')
  expect(ada.rung.times).toBe(2)
  expect(bob.rung.times).toBe(1)
})

test('a notification of a claim that failed goes to the next waiter', () => {
  const queue = new ClaimWaiters()
  const [ada, bob] = [waiter(queue, 'ada'), waiter(queue, 'bob')]
  queue.notify(created('go'))
  ada.place.beforeAttempt()
  ada.place.leave()
  expect(bob.rung.times).toBe(1)
})

test('a change of a whole project notifies its waiters only, and a change of one agent notifies that agent only', () => {
  const queue = new ClaimWaiters()
  const [ada, bob] = [waiter(queue, 'ada'), waiter(queue, 'bob')]
  queue.recheck('other', null)
  queue.recheck('p', 'bob')
  expect([ada.rung.times, bob.rung.times]).toEqual([0, 1])
  queue.recheck('p', null)
  expect([ada.rung.times, bob.rung.times]).toEqual([1, 2])
})
