import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { ToolSession } from './tool-session.ts'

/** The context of one run of a tool. */
export interface ToolCall {
  /** Aborts when the host no longer waits for the result. */
  readonly signal: AbortSignal
}

export interface Tool<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: I
  readonly output: O
  /** True if the tool changes nothing. */
  readonly readOnly?: true
  /**
   * The least urgent delivery mode of the messages shown with the result. Default: `steer`, because
   * the tool may be called in the middle of a step.
   */
  readonly messageMode?: DeliveryMode
  readonly run: (toolSession: ToolSession, input: z.output<I>, call: ToolCall) => Promise<z.input<O>>
}

/** A tool whose input and output types are erased. */
export interface AnyTool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: z.ZodType
  readonly output: z.ZodType
  readonly readOnly: boolean
  readonly messageMode: DeliveryMode
  /** Takes the raw input. Throws a ZodError if the schema refuses it. */
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
    // The output schema removes fields that the tool does not declare.
    run: async (toolSession, rawInput, call) => output.parse(await run(toolSession, input.parse(rawInput), call)),
  }
}
