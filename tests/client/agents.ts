import { Agent, type AgentOptions } from '@tony/mcp-client'
import type { TestServer } from '../support/server.ts'

export const register = (server: TestServer, options: Partial<AgentOptions> = {}): Promise<Agent> =>
  Agent.register({ url: server.url, name: 'worker', type: 'implementation', ...options })

/** Something that happens once, awaited from elsewhere. */
export function signal<T = void>(): { tell: (value: T) => void; told: Promise<T> } {
  const { promise, resolve } = Promise.withResolvers<T>()
  return { tell: resolve, told: promise }
}

/** Counts up to a number. */
export function counter(limit: number): { up: () => void; reached: Promise<void> } {
  const { tell, told } = signal()
  let count = 0
  return {
    up: () => {
      count += 1
      if (count === limit) tell()
    },
    reached: told,
  }
}
