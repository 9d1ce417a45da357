import { expect, test } from 'vitest'
import { FrameScheduler } from '../../server/src/transports/ws/frame-scheduler.ts'
import { ReadPause } from '../../server/src/transports/ws/read-pause.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/**
 * A scheduler with which each frame takes `frameMs`, and sockets that count their pauses. Nothing
 * is left to do after a frame if `isDone`.
 */
function given(frameMs: number, isDone = false) {
  let now = 0
  const handled: string[] = []
  const arrivals: number[] = []
  const scheduler = new FrameScheduler({ now: () => now, storeNow: () => now })
  const open = (name: string) => {
    const reading: string[] = []
    const note = (what: string) => reading.at(-1) !== what && reading.push(what)
    const socket = { pause: () => note('pause'), resume: () => note('resume') }
    const { receive, close } = scheduler.open(
      new ReadPause(socket),
      ([data], arrivedAt) => {
        handled.push(`${name}${data}`)
        arrivals.push(arrivedAt)
        now += frameMs
        return isDone
      },
      ([data]) => {
        if (String(data) !== 'refused') return false
        handled.push(`${name}${data}`)
        return true
      },
    )
    return { reading, close, receive: (text: string | Buffer) => receive([Buffer.from(text), false]) }
  }
  /** Turns of the event loop until all frames are handled. */
  const settle = async (count: number) => {
    let turns = 0
    for (; handled.length < count; turns += 1) await turn()
    return turns
  }
  return { handled, arrivals, scheduler, open, settle }
}

test('a frame is handled as it arrives, and the next when that can do no more without waiting', async () => {
  const { handled, open, settle } = given(1)
  const [a, b] = [open('a'), open('b')]
  a.receive('1')
  b.receive('1')
  a.receive('2')
  expect(handled).toEqual(['a1'])
  expect(await settle(3)).toBe(1)
  expect(handled).toEqual(['a1', 'b1', 'a2'])
})

test('a socket with one frame does not wait behind the many of another', async () => {
  const { handled, open, settle } = given(4)
  const [busy, beating] = [open('busy'), open('beat')]
  for (let index = 0; index < 20; index += 1) busy.receive(String(index))
  beating.receive('!')
  await settle(21)
  expect(handled.slice(0, 4)).toEqual(['busy0', 'busy1', 'beat!', 'busy2'])
  expect(handled.filter((name) => name.startsWith('busy'))).toEqual(
    Array.from({ length: 20 }, (_, index) => `busy${index}`),
  )
})

test('a turn of the event loop handles 4 ms of frames', async () => {
  const { open, settle } = given(2)
  const socket = open('a')
  for (let index = 0; index < 60; index += 1) socket.receive(String(index))
  expect(await settle(60)).toBe(20)
})

test('frames that are done at once follow each other, 32 of them between two looks at the clock', async () => {
  const { handled, open, settle } = given(2, true)
  const [first, second] = [open('a'), open('b')]
  for (let index = 0; index < 50; index += 1) {
    first.receive(String(index))
    second.receive(String(index))
  }
  expect(handled).toHaveLength(3)
  expect(await settle(100)).toBe(4)
})

test('a frame that is refused does not wait behind those before it, within the time of the turn', async () => {
  const { handled, open, settle } = given(3)
  const socket = open('a')
  for (const text of ['1', '2', 'refused']) socket.receive(text)
  expect(handled).toEqual(['a1', 'arefused'])
  await settle(3)
  expect(handled).toEqual(['a1', 'arefused', 'a2'])
})

test('the refused frames of a socket that have waited follow each other, and no frame overtakes them', async () => {
  const { handled, open, settle } = given(5)
  const [busy, other] = [open('busy'), open('other')]
  busy.receive('1')
  for (const text of ['2', 'refused', 'refused', '3', 'refused']) busy.receive(text)
  for (const text of ['1', '2']) other.receive(text)
  await settle(8)
  const together = ['busyrefused', 'busyrefused', 'busy3']
  expect(handled).toEqual(['busy1', 'busy2', 'other1', ...together, 'other2', 'busyrefused'])
})

test('a socket whose frames wait is not read until they are handled', async () => {
  const { open, settle } = given(11)
  const socket = open('a')
  for (let index = 0; index < 40; index += 1) socket.receive(String(index))
  expect(socket.reading).toEqual(['pause'])
  await settle(40)
  expect(socket.reading).toEqual(['pause', 'resume'])
})

test('the waiting frames of a closed socket are dropped', async () => {
  const { handled, open } = given(11)
  const [closed, other] = [open('a'), open('b')]
  for (let index = 0; index < 5; index += 1) closed.receive(String(index))
  closed.close()
  other.receive('1')
  await turn()
  await turn()
  expect(handled).toEqual(['a0', 'b1'])
})

test('a frame that waits keeps the time of its arrival, and the earliest of these is known', async () => {
  const { arrivals, scheduler, open, settle } = given(4)
  const [a, b] = [open('a'), open('b')]
  expect(scheduler.earliestArrival).toBe(Number.POSITIVE_INFINITY)
  a.receive('1')
  a.receive('2')
  b.receive('1')
  expect(scheduler.earliestArrival).toBe(0)
  await settle(3)
  expect(arrivals).toEqual([0, 4, 4])
  await turn()
  expect(scheduler.earliestArrival).toBe(Number.POSITIVE_INFINITY)
})

test('many sockets whose frames wait are not read once all frames together have 32 MiB', async () => {
  const { handled, open, settle } = given(11)
  const frame = Buffer.alloc(200_000)
  const sockets = Array.from({ length: 170 }, (_, index) => open(String(index)))
  for (const { receive } of sockets) receive(frame)
  const paused = sockets.filter(({ reading }) => reading.length > 0)
  expect(paused.length).toBe(170 - 1 - Math.floor(33_554_432 / frame.length))
  await settle(170)
  expect(handled.length).toBe(170)
  for (const { reading } of paused) expect(reading).toEqual(['pause', 'resume'])
})

test('a socket that is paused for two reasons is read again when both are over', () => {
  const calls: string[] = []
  const reading = new ReadPause({ pause: () => calls.push('pause'), resume: () => calls.push('resume') })
  reading.pause('schedule')
  reading.pause('congestion')
  reading.resume('schedule')
  expect(calls).toEqual(['pause'])
  reading.resume('congestion')
  reading.resume('congestion')
  expect(calls).toEqual(['pause', 'resume'])
})
