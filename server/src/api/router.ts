import type { inferRouterOutputs } from '@trpc/server'
import { agentsRouter } from './agents.ts'
import { auditRouter } from './audit.ts'
import { authRouter } from './auth.ts'
import { eventsRouter } from './events.ts'
import { healthRouter } from './health.ts'
import { locksRouter } from './locks.ts'
import { messagesRouter } from './messages.ts'
import { plansRouter } from './plans.ts'
import { router } from './procedure.ts'
import { projectsRouter } from './projects.ts'
import { requestsRouter } from './requests.ts'
import { systemRouter } from './system.ts'
import { tasksRouter } from './tasks.ts'
import { wakesRouter } from './wakes.ts'
import { webhooksRouter } from './webhooks.ts'

/** Every procedure, once. The transports, the client and the docs are derived from this router. */
export const appRouter = router({
  projects: projectsRouter,
  agents: agentsRouter,
  plans: plansRouter,
  tasks: tasksRouter,
  locks: locksRouter,
  messages: messagesRouter,
  wakes: wakesRouter,
  requests: requestsRouter,
  events: eventsRouter,
  health: healthRouter,
  auth: authRouter,
  audit: auditRouter,
  webhooks: webhooksRouter,
  system: systemRouter,
})

export type AppRouter = typeof appRouter

type FeedOutput = inferRouterOutputs<AppRouter>['events']['subscribe']

/**
 * An item of `events.subscribe`, as tRPC's client receives it: the event, and the id after which
 * the subscription resumes.
 */
export type FeedItem = FeedOutput extends AsyncIterable<infer Item> ? Item : never
