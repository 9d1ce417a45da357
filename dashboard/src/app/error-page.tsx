import { Button } from '../ui/button.tsx'
import { toErrorText } from '../ui/error-text.ts'

/** The page of a fault of the dashboard itself, with the next step. */
export function ErrorPage({ error }: { readonly error: unknown }) {
  return (
    <main className="page">
      <h1>This page has failed</h1>
      <p role="alert">{toErrorText(error)}</p>
      <p>
        The fleet is not affected. Load the page again; if it fails again, use <code>tony-mcp top</code> and report the
        text above.
      </p>
      <Button kind="primary" onClick={() => location.reload()}>
        Load again
      </Button>
    </main>
  )
}
