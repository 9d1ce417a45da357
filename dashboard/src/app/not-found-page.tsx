import { Link } from '@tanstack/react-router'

export function NotFoundPage() {
  return (
    <section className="page">
      <h1>There is no such page</h1>
      <p>
        The address is mistyped or of another version. <Link to="/">Needs you</Link> is the first page, and Ctrl K (⌘K)
        finds every other one.
      </p>
    </section>
  )
}
