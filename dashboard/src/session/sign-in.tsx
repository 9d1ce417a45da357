import { type FormEvent, useState } from 'react'
import { Button } from '../ui/button.tsx'

interface SignInProps {
  /** Why the person has to sign in; undefined at the first visit. */
  readonly reason: string | undefined
  readonly isConnecting: boolean
  readonly onToken: (token: string) => void
}

/** Asks for an API key. The field is a password, so that nobody reads it from the screen. */
export function SignIn({ reason, isConnecting, onToken }: SignInProps) {
  const [token, setToken] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (token.trim() !== '') onToken(token.trim())
  }
  return (
    <main className="sign-in">
      <h1>Tony MCP</h1>
      <form onSubmit={submit}>
        <label htmlFor="token">API key</label>
        <input
          id="token"
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={token}
          aria-describedby="token-help"
          onChange={(event) => setToken(event.target.value)}
        />
        <p id="token-help" className="muted">
          A key of the role observer reads, one of the role tech-lead acts. An admin makes one with{' '}
          <code>tony-mcp api auth.keys.create --name me --scopes '*' --roleCeiling tech-lead</code>. It stays in this
          tab.
        </p>
        {reason === undefined ? null : (
          <p role="alert" className="refusal">
            {reason}
          </p>
        )}
        <Button type="submit" kind="primary" disabled={isConnecting || token.trim() === ''}>
          {isConnecting ? 'Connecting …' : 'Sign in'}
        </Button>
      </form>
    </main>
  )
}
