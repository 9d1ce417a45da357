import { join } from 'node:path'
import { freePort } from '../../demo/server-process.ts'
import { libraryPath, rootWith } from '../peers/packages.ts'
import { Daemon, type RunningSystem, temporaryFolder } from './daemon.ts'

const program = 'usr/bin/redis-server'

export const hasRedis = (): boolean => rootWith(program) !== undefined

/** Starts Redis with an fsync before each reply. */
export async function startRedis(): Promise<RunningSystem> {
  const root = rootWith(program) ?? ''
  const folder = temporaryFolder('redis')
  const port = await freePort()
  const settings = { port, bind: '127.0.0.1', dir: folder, appendonly: 'yes', appendfsync: 'always', save: '' }
  const daemon = new Daemon({
    program: join(root, program),
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    env: { LD_LIBRARY_PATH: libraryPath(root) },
    folder,
  })
  await daemon.accepts(port)
  return {
    url: `redis://127.0.0.1:${port}`,
    pids: [daemon.pid],
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}
