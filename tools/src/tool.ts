import type { DeliveryMode } from '@tony/mcp-shared/messages'
import { z } from 'zod'
import { ToolError } from './error-text.ts'
import type { OutputBudget } from './output-budget.ts'
import type { ToolSession } from './tool-session.ts'
import { inputIssueText } from './unknown-arguments.ts'

/** The context of one run of a tool. */
export interface ToolRunContext {
  /** Aborts when the host no longer waits for the result. */
  readonly signal: AbortSignal
  /** The space in the result. */
  readonly budget: OutputBudget
}

export interface ToolDefinition<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
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
  /** True if the result consists of messages, which may then fill the whole output. */
  readonly showsMessages?: true
  readonly run: (toolSession: ToolSession, input: z.output<I>, call: ToolRunContext) => Promise<z.input<O>>
}

/** A tool whose input and output types are erased. */
export interface AnyTool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: z.ZodObject
  readonly output: z.ZodObject
  readonly readOnly: boolean
  readonly messageMode: DeliveryMode
  readonly showsMessages: boolean
  /** Takes the raw input. Throws ToolError INVALID_INPUT if the schema refuses it. */
  readonly run: (toolSession: ToolSession, input: unknown, call: ToolRunContext) => Promise<Record<string, unknown>>
}

/** Returns the error of an input that the schema refuses. */
function invalidInputError(schema: z.ZodType, { issues }: z.ZodError): ToolError {
  const problems = issues.map((issue) => inputIssueText(schema, issue))
  return new ToolError('INVALID_INPUT', problems.join('; '))
}

/** The field of each result for the notices and the messages that the session has got meanwhile. */
const noticesField = { notices: z.string().optional().describe('news for you: read it') }

export function tool<I extends z.ZodObject, O extends z.ZodObject>(definition: ToolDefinition<I, O>): AnyTool {
  const { input, output, readOnly = false, messageMode = 'steer', showsMessages = false, run, ...texts } = definition
  return {
    ...texts,
    input,
    output: output.extend(noticesField),
    readOnly,
    messageMode,
    showsMessages,
    // The output schema removes fields that the tool does not declare.
    run: async (toolSession, rawInput, call) => {
      const parsed = input.safeParse(rawInput ?? {})
      if (!parsed.success) throw invalidInputError(input, parsed.error)
      return output.parse(await run(toolSession, parsed.data, call))
    },
  }
}
