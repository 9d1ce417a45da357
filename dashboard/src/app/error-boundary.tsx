import { Component, type ReactNode } from 'react'
import { ErrorPage } from './error-page.tsx'

interface BoundaryState {
  readonly error: unknown
}

/** Shows a page in place of a tree that has thrown. React has no other way to catch an error. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, BoundaryState> {
  override state: BoundaryState = { error: undefined }

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { error }
  }

  override render(): ReactNode {
    return this.state.error === undefined ? this.props.children : <ErrorPage error={this.state.error} />
  }
}
