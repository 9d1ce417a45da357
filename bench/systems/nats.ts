import { join } from 'node:path'
import { freePort } from '../../demo/server-process.ts'
import { rootWith } from '../peers/packages.ts'
import { Daemon, type RunningSystem, temporaryFolder } from './daemon.ts'

const program = 'usr/sbin/nats-server'

export const hasNats = (): boolean => rootWith(program) !== undefined

export async function startNats(): Promise<RunningSystem> {
  const folder = temporaryFolder('nats')
  const port = await freePort()
  const args = ['--addr', '127.0.0.1', '--port', String(port)]
  const daemon = new Daemon({ program: join(rootWith(program) ?? '', program), args, folder })
  await daemon.accepts(port)
  return {
    url: `nats://127.0.0.1:${port}`,
    pids: [daemon.pid],
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}
