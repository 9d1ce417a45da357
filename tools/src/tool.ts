import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { z } from 'zod'
import type { Seat } from './seat.ts'

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
  readonly reads?: true
  /**
   * The least urgent mode of the messages that are shown with its result. Default: `steer`, as it may stand in the middle of a
   * step of the work.
   */
  readonly shows?: DeliveryMode
  readonly run: (seat: Seat, input: z.output<I>, call: ToolCall) => Promise<z.input<O>>
}

/** A tool whose types are its own business. */
export interface AnyTool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: z.ZodType
  readonly output: z.ZodType
  readonly reads: boolean
  readonly shows: DeliveryMode
  /** `input` as it came; throws a ZodError for one the schema refuses. */
  readonly run: (seat: Seat, input: unknown, call: ToolCall) => Promise<Record<string, unknown>>
}

export function tool<I extends z.ZodType, O extends z.ZodObject>(definition: Tool<I, O>): AnyTool {
  const { input, output, reads = false, shows = 'steer', run, ...texts } = definition
  return {
    ...texts,
    input,
    output,
    reads,
    shows,
    // Through the schema of the output: what a result does not promise, it does not show.
    run: async (seat, given, call) => output.parse(await run(seat, input.parse(given), call)),
  }
}
