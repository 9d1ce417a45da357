import { HookContentSource } from '@tony/mcp-bridge/hooks/hook-content'
import { formatHookOutput, type HookHost } from '@tony/mcp-bridge/hooks/hook-output'
import type { HostLimits, OutputLimit } from '@tony/mcp-tools/host-limits'
import { estimateTokens } from '@tony/mcp-tools/output-budget'
import { expect } from 'vitest'
import type { TestServer } from '../support/server.ts'
import type { bridgedHost, Host } from './hosts.ts'

/** Returns the lines of others in a shown text, without their marks. */
export const linesOf = (shown: string): string =>
  shown
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2))
    .join('\n')

/** Fails the test if a host with this limit would cut the output. */
export function expectWithin(output: string, { characters, tokens }: OutputLimit): void {
  expect(output.length).toBeLessThanOrEqual(characters)
  expect(estimateTokens(output)).toBeLessThanOrEqual(tokens)
}

/**
 * A model that reads all that it is shown, and follows each hint to the rest of a text. `texts` has
 * the messages that it has read, as far as it has read them.
 */
export class Reader {
  readonly texts = new Map<string, string>()
  /** The messages that it has read to the end, in order. */
  readonly finished: string[] = []
  readonly #host: Host
  readonly #limits: HostLimits

  constructor(host: Host, limits: HostLimits) {
    this.#host = host
    this.#limits = limits
  }

  /** Calls the tool inbox. Returns false if it has shown nothing. */
  async readInbox(args: Readonly<Record<string, unknown>> = {}): Promise<boolean> {
    const { text, data } = await this.#host.call('inbox', args)
    expectWithin(text, this.#limits.result)
    const messages = (data['messages'] ?? []) as { messageId: string; text: string }[]
    for (const { messageId, text: shown } of messages) await this.#read(messageId, shown)
    return messages.length > 0
  }

  /** Runs a hook of the host. Returns false if it has shown nothing. */
  async runHook(source: HookContentSource, host: HookHost): Promise<boolean> {
    const abandoned = new AbortController().signal
    const content = await source.getContent({ upTo: 'digest', host, abandoned })
    expectWithin(formatHookOutput('tool', host, content), this.#limits.hook)
    const blocks = content.split(/^Message (?=\S+, )/m).slice(1)
    for (const block of blocks) await this.#read(block.slice(0, 36), block.split('\n--- end ---')[0] ?? '')
    return blocks.length > 0
  }

  async #read(messageId: string, shown: string): Promise<void> {
    this.texts.set(messageId, (this.texts.get(messageId) ?? '') + linesOf(shown))
    const [, offset] =
      /^--- \d+ more characters: call inbox with messageId "\S+" and offset (\d+) ---$/m.exec(shown) ?? []
    if (offset === undefined) this.finished.push(messageId)
    else await this.readInbox({ messageId, offset: Number(offset) })
  }
}

/** Returns the hooks of a host with a bridge. */
export const hooksOf = (server: TestServer, { bridge }: Awaited<ReturnType<typeof bridgedHost>>): HookContentSource =>
  new HookContentSource(bridge.hostSession, server.clock)
