import type * as ClientPackage from '@tony/mcp-client'
import type { Client } from '@tony/mcp-client'
import type { Target } from './driver.ts'

export interface Member {
  readonly id: string
  readonly client: Client
}

const deadlineMs = 120_000

/** Agents of one server with a client each. */
export class Fleet {
  readonly #target: Target
  readonly #package: typeof ClientPackage
  readonly #open: Client[] = []
  readonly lead: Client

  private constructor(target: Target, clientPackage: typeof ClientPackage) {
    this.#target = target
    this.#package = clientPackage
    this.lead = this.connect()
  }

  /** Uses the client of the target, which may be that of another checkout. */
  static async open(target: Target): Promise<Fleet> {
    return new Fleet(target, await import(target.clientModule))
  }

  connect(token?: string): Client {
    const client = this.#package.createClient({
      url: this.#target.url,
      deadlineMs,
      ...(token === undefined ? {} : { token }),
    })
    this.#open.push(client)
    return client
  }

  /** Registers agents, fifty at a time. */
  async register(prefix: string, count: number, capabilities: string[] = []): Promise<Member[]> {
    const members: Member[] = []
    const registerOne = async (index: number): Promise<Member> => {
      const registration = { name: `${prefix}-${index}`, type: 'implementation', capabilities } as const
      const { agentId, token } = await this.lead.agents.register(registration)
      return { id: agentId, client: this.connect(token) }
    }
    for (let from = 0; from < count; from += 50) {
      const width = Math.min(50, count - from)
      members.push(...(await Promise.all(Array.from({ length: width }, (_, index) => registerOne(from + index)))))
    }
    return members
  }

  close(): void {
    for (const client of this.#open) client.close()
  }
}

/** Registers agents with a client each, of this checkout. */
export async function registerAgents(
  url: string,
  prefix: string,
  count: number,
  capabilities: string[],
): Promise<Member[]> {
  const fleet = await Fleet.open({ url, clientModule: '@tony/mcp-client' })
  return fleet.register(prefix, count, capabilities)
}
