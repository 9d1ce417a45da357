/** The text of an operation in the description of REST. */
export interface OperationText {
  /** One line, as a menu shows it. */
  readonly summary: string
  /** The effect, and what a caller must do next. */
  readonly description: string
  /** An input, as every transport takes it. The description splits it into path, query and body. */
  readonly input: Readonly<Record<string, unknown>>
}

/** The texts of procedures by their names. */
export type OperationTexts = Readonly<Record<string, OperationText>>

/** Ids and secrets of the examples. Each thing has one, so that the examples tell one story. */
export const exampleIds = {
  agent: '01990a00-0000-7000-8000-00000000000a',
  task: '01990a00-0000-7000-8000-000000000001',
  message: '01990a00-0000-7000-8000-000000000002',
  request: '01990a00-0000-7000-8000-000000000003',
  plan: '01990a00-0000-7000-8000-000000000004',
  webhook: '01990a00-0000-7000-8000-000000000005',
  wake: '01990a00-0000-7000-8000-000000000006',
  key: 'Xy12Ab34Cd56',
} as const

/** A lease and a receipt of the examples. */
export const exampleLease = { taskId: exampleIds.task, leaseToken: 'lease-token-of-the-claim' }
export const exampleReceipt = { messageId: exampleIds.message, receipt: 'receipt-of-the-delivery' }
