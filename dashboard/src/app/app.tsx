import { RouterProvider } from '@tanstack/react-router'
import { SessionGate } from '../session/session-gate.tsx'
import { ErrorBoundary } from './error-boundary.tsx'
import { router } from './router.tsx'

export function App() {
  return (
    <ErrorBoundary>
      <SessionGate>
        <RouterProvider router={router} />
      </SessionGate>
    </ErrorBoundary>
  )
}
