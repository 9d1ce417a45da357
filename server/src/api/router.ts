import { agents } from './agents.ts'
import { audit } from './audit.ts'
import { auth } from './auth.ts'
import { events } from './events.ts'
import { health } from './health.ts'
import { messages } from './messages.ts'
import { plans } from './plans.ts'
import { router } from './procedure.ts'
import { projects } from './projects.ts'
import { requests } from './requests.ts'
import { system } from './system.ts'
import { tasks } from './tasks.ts'

/** Every procedure, once. The transports, the client and the docs are derived from this router. */
export const appRouter = router({
  projects,
  agents,
  plans,
  tasks,
  messages,
  requests,
  events,
  health,
  auth,
  audit,
  system,
})

export type AppRouter = typeof appRouter
