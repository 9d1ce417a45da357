export { Agent } from './agent/agent.ts'
export { FinalError } from './agent/final-error.ts'
export type { InboxOptions } from './agent/inbox.ts'
export type { AgentOptions, StopOptions } from './agent/options.ts'
export { type IncomingRequest, RequestError, type RequestHandler, type RequestOptions } from './agent/requests.ts'
export { type CursorStore, type WatchFilter, type WatchOptions, watch } from './agent/watch.ts'
export type {
  Question,
  WorkContext,
  WorkHandler,
  WorkLoop,
  WorkOptions,
} from './agent/work.ts'
export type { CallOptions, SubscribeOptions, Subscription } from './api/calls.ts'
export { type CallRecord, type Client, type ClientOptions, type Connectivity, createClient } from './api/client.ts'
export { type ErrorCode, type OfflineQueueLimit, TonyError } from './api/errors.ts'
export { delimitUntrustedMessage, type Sender } from './api/untrusted-text.ts'
export type { BreakerOptions } from './connection/breaker.ts'
export type { ConnectionState, ConnectionTimeouts, StateChange } from './connection/connection.ts'
export type { RetryBudget } from './connection/retry-budget.ts'
export type { SessionTokens } from './connection/tokens.ts'
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
