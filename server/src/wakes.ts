import type { Services } from './domain/context.ts'
import { loadIncarnations } from './domain/identity/incarnations.ts'
import type { Log } from './platform/log.ts'
import type { Wake } from './store/store.ts'

/** Passes the wakes of the store to the waiters, the feeds and the caches of this process. */
export function subscribeToWakes(services: Services, log: Log): void {
  services.store.onWake((wake: Wake) => {
    switch (wake.topic) {
      case 'tasks':
        return services.waiters.claims.wake(wake)
      case 'lease':
        return services.waiters.leaseEnds.wake(wake)
      case 'inbox':
        return services.waiters.inboxes.wake(wake.agentId, wake.reason)
      case 'reply':
        return services.waiters.replies.wake(wake.requestId)
      case 'incarnation':
        return services.identity.incarnations.supersede(wake.agentId, wake.incarnation, wake.unregistered)
      case 'fleet':
        services.waiters.inboxes.recheck(wake.agentId)
        return services.waiters.claims.recheck(wake.project, wake.agentId)
      case 'revoked':
        return services.identity.revocations.record(wake, services.now())
      case 'epoch':
        services.claimGroups.clear()
        services.feeds.reset()
        services.store.read(loadIncarnations).then(
          (current) => services.identity.incarnations.replace(current),
          (error: unknown) => log.error({ error }, 'cannot read the incarnations'),
        )
        return undefined
      case 'events':
        services.webhooks.wake(wake.project)
        services.feeds.wake(wake.project)?.catch((error: unknown) => log.error({ error }, 'cannot read the feed'))
        return undefined
    }
  })
}
