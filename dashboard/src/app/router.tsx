import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router'
import { parseFeedSearch } from '../pages/feed/search.ts'
import { parseMessageSearch } from '../pages/messages/search.ts'
import { NeedsYouPage } from '../pages/needs-you/page.tsx'
import { parsePlanSearch } from '../pages/plan/search.ts'
import { parseTaskSearch } from '../pages/tasks/search.ts'
import { parseThroughputSearch } from '../pages/throughput/search.ts'
import { ErrorPage } from './error-page.tsx'
import { NotFoundPage } from './not-found-page.tsx'
import { Shell } from './shell.tsx'

const rootRoute = createRootRoute({ component: Shell, notFoundComponent: NotFoundPage })

/** The first page is a part of the first load; each other one is loaded when it is opened. */
const routes = [
  createRoute({ getParentRoute: () => rootRoute, path: '/', component: NeedsYouPage }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/fleet',
    component: lazyRouteComponent(() => import('../pages/fleet/page.tsx'), 'FleetPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/tasks',
    validateSearch: parseTaskSearch,
    component: lazyRouteComponent(() => import('../pages/tasks/page.tsx'), 'TasksPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/tasks/$taskId',
    component: lazyRouteComponent(() => import('../pages/task/page.tsx'), 'TaskPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/messages',
    validateSearch: parseMessageSearch,
    component: lazyRouteComponent(() => import('../pages/messages/page.tsx'), 'MessagesPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/plan',
    validateSearch: parsePlanSearch,
    component: lazyRouteComponent(() => import('../pages/plan/page.tsx'), 'PlanPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/feed',
    validateSearch: parseFeedSearch,
    component: lazyRouteComponent(() => import('../pages/feed/page.tsx'), 'FeedPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/locks',
    component: lazyRouteComponent(() => import('../pages/locks/page.tsx'), 'LocksPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/throughput',
    validateSearch: parseThroughputSearch,
    component: lazyRouteComponent(() => import('../pages/throughput/page.tsx'), 'ThroughputPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/access',
    component: lazyRouteComponent(() => import('../pages/access/page.tsx'), 'AccessPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/connect',
    component: lazyRouteComponent(() => import('../pages/connect/page.tsx'), 'ConnectPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/system',
    component: lazyRouteComponent(() => import('../pages/system/page.tsx'), 'SystemPage'),
  }),
] as const

/**
 * The address of a page is in the fragment, so that the server has one path for all of them and a
 * proxy may serve them below any path.
 */
export const router = createRouter({
  routeTree: rootRoute.addChildren([...routes]),
  history: createHashHistory(),
  defaultErrorComponent: ErrorPage,
  defaultPreload: 'intent',
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
