import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router'
import { parseMessageSearch } from '../pages/messages/search.ts'
import { NeedsYouPage } from '../pages/needs-you/page.tsx'
import { parseTaskSearch } from '../pages/tasks/search.ts'
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
