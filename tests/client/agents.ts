import { Agent, type AgentOptions } from '@tony/mcp-client'
import type { TestServer } from '../support/server.ts'

export const register = (server: TestServer, options: Partial<AgentOptions> = {}): Promise<Agent> =>
  Agent.register({ url: server.url, name: 'worker', type: 'implementation', ...options })

/** Returns a promise and the function that resolves it. */
export function signal<T = void>(): { tell: (value: T) => void; told: Promise<T> } {
  const { promise, resolve } = Promise.withResolvers<T>()
  return { tell: resolve, told: promise }
}

/** Returns a counter and a promise that resolves at `limit`. */
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
