export { Agent, type AgentOptions, type StopOptions } from './agent.ts'
export type { BreakerOptions } from './breaker.ts'
export type { RepeatBudget } from './budget.ts'
export type { CallOptions, SubscribeOptions, Subscription } from './calls.ts'
export { type CallRecord, type Client, type ClientOptions, type Connectivity, createClient } from './client.ts'
export type { ConnectionState, Patience, StateChange } from './connection.ts'
export { type ErrorCode, type QueueLimit, TonyError } from './errors.ts'
export { fenced, type Sender } from './fenced.ts'
export type {
  AgentInfo,
  Api,
  DeadLetter,
  Delivery,
  FeedEvent,
  LeasedTask,
  Message,
  Project,
  Task,
} from './generated/api.ts'
export type { MailOptions } from './mail.ts'
export { type IncomingRequest, RequestError, type RequestHandler, type RequestOptions } from './requests.ts'
export type { SessionTokens } from './session.ts'
export { type CursorStore, type WatchFilter, type WatchOptions, watch } from './watch.ts'
export {
  FinalError,
  type Question,
  type WorkContext,
  type WorkHandler,
  type WorkLoop,
  type WorkOptions,
} from './work.ts'
