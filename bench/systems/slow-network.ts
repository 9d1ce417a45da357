/**
 * The process of a proxy that delays each reply of a database by the time that a network takes for
 * a round trip. Its own process: a timer is too coarse, so it sleeps while nothing is due.
 */
import type { Socket } from 'node:net'
import { TcpProxy } from '../../tests/support/tcp-proxy.ts'
import { serveJobs } from '../child.ts'

interface Delayed {
  readonly dueAt: number
  readonly to: Socket
  readonly chunk: Buffer
}

const [target = '', delay = '0'] = process.argv.slice(2)
const delayMs = Number(delay)
/** Length of one sleep, in milliseconds. The proxy reads its sockets in between. */
const sleepMs = 0.05
const waiting: Delayed[] = []
const never = new Int32Array(new SharedArrayBuffer(4))

function send(): void {
  for (let first = waiting[0]; first && first.dueAt <= performance.now(); first = waiting[0]) {
    first.to.write(first.chunk)
    waiting.shift()
  }
  if (waiting.length === 0) return
  Atomics.wait(never, 0, 0, sleepMs)
  setImmediate(send)
}

const proxy = new TcpProxy(target, (near, far) => {
  near.on('data', (chunk) => far.write(chunk))
  far.on('data', (chunk) => {
    waiting.push({ dueAt: performance.now() + delayMs, to: near, chunk })
    if (waiting.length === 1) setImmediate(send)
  })
})
await proxy.listen()
serveJobs(async () => ({ url: proxy.url }))
