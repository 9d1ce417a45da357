import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { ToolSession } from './tool-session.ts'

/** What a tool is given beside its input. */
export interface ToolCall {
  /** Aborted when the host no longer waits for the answer. */
  readonly signal: AbortSignal
}

export interface Tool<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: I
  readonly output: O
  /** Whether it changes nothing. */
  readonly readOnly?: true
  /**
   * The least urgent mode of the messages that are shown with its result. Default: `steer`, as it may stand in the middle of a
   * step of the work.
   */
  readonly messageMode?: DeliveryMode
  readonly run: (toolSession: ToolSession, input: z.output<I>, call: ToolCall) => Promise<z.input<O>>
}

/** A tool whose types are its own business. */
export interface AnyTool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: z.ZodType
  readonly output: z.ZodType
  readonly readOnly: boolean
  readonly messageMode: DeliveryMode
  /** `input` as it came; throws a ZodError for one the schema refuses. */
  readonly run: (toolSession: ToolSession, input: unknown, call: ToolCall) => Promise<Record<string, unknown>>
}

export function tool<I extends z.ZodType, O extends z.ZodObject>(definition: Tool<I, O>): AnyTool {
  const { input, output, readOnly: reads = false, messageMode: shows = 'steer', run, ...texts } = definition
  return {
    ...texts,
    input,
    output,
    readOnly: reads,
    messageMode: shows,
    // Through the schema of the output: what a result does not promise, it does not show.
    run: async (toolSession, rawInput, call) => output.parse(await run(toolSession, input.parse(rawInput), call)),
  }
}
