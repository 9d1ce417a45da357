import type { Services } from './domain/context.ts'
import { loadIncarnations } from './domain/identity/incarnations.ts'
import type { Log } from './platform/log.ts'
import type { StoreNotification } from './store/store.ts'

/** Passes notifications of the store to the waiters, feeds and caches of this process. */
export function subscribeToNotifications(services: Services, log: Log): void {
  services.store.onNotification((notification: StoreNotification) => {
    switch (notification.topic) {
      case 'tasks':
        return services.waiters.claims.notify(notification)
      case 'lease':
        return services.waiters.leaseEnds.notify(notification)
      case 'inbox':
        return services.waiters.inboxes.notify(notification.agentId, notification.reason)
      case 'delivery':
        return notification.push()
      case 'reply':
        return services.waiters.replies.notify(notification.requestId)
      case 'incarnation':
        return services.identity.incarnations.supersede(
          notification.agentId,
          notification.incarnation,
          notification.unregistered,
        )
      case 'fleet':
        services.waiters.inboxes.recheck(notification.agentId)
        return services.waiters.claims.recheck(notification.project, notification.agentId)
      case 'revoked':
        return services.identity.revocations.record(notification, services.now())
      case 'epoch':
        services.claimGroups.clear()
        services.feeds.reset()
        services.store.read(loadIncarnations).then(
          (current) => services.identity.incarnations.replace(current),
          (error: unknown) => log.error({ error }, 'cannot read the incarnations'),
        )
        return undefined
      case 'events':
        services.webhooks.notify(notification.project)
        services.feeds
          .notify(notification.project)
          ?.catch((error: unknown) => log.error({ error }, 'cannot read the feed'))
        return undefined
    }
  })
}
