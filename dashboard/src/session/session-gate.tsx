import { QueryClientProvider } from '@tanstack/react-query'
import { type ReactNode, useCallback, useEffect, useState } from 'react'
import { toErrorText } from '../ui/error-text.ts'
import { type Credential, forgetCredential, readCredential, saveCredential } from './credential.ts'
import { closeSession, isSignInError, openSession, type Session, SessionContext } from './session.ts'
import { SignIn } from './sign-in.tsx'

interface GateState {
  readonly credential: Credential
  readonly session: Session | undefined
  /** The refusal of the last attempt. */
  readonly refusal: string | undefined
  readonly isConnecting: boolean
}

const initialCredential = readCredential()

/** Opens a session for each credential, and closes it when another one takes its place. */
function useGate() {
  const [state, setState] = useState<GateState>({
    credential: initialCredential,
    session: undefined,
    refusal: undefined,
    isConnecting: true,
  })
  const { credential } = state
  useEffect(() => {
    let isCurrent = true
    let opened: Session | undefined
    openSession(credential).then(
      (session) => {
        if (!isCurrent) return closeSession(session)
        opened = session
        setState({ credential, session, refusal: undefined, isConnecting: false })
      },
      (error: unknown) => {
        if (!isCurrent) return
        // A visitor without a key is asked for one, and is told nothing about a refusal.
        const isFirst = credential.token === undefined && isSignInError(error)
        const closed = { credential, session: undefined, isConnecting: false }
        setState(({ refusal }) => ({ ...closed, refusal: isFirst ? refusal : toErrorText(error) }))
      },
    )
    return () => {
      isCurrent = false
      if (opened) closeSession(opened)
    }
  }, [credential])
  const change = useCallback((next: Credential, refusal?: string) => {
    setState({ credential: next, session: undefined, refusal, isConnecting: true })
  }, [])
  return { state, change }
}

/** Shows its children to a person who is signed in, and the form to everybody else. */
export function SessionGate({ children }: { readonly children: ReactNode }) {
  const { state, change } = useGate()
  const { session, refusal, isConnecting, credential } = state
  useEffect(() => {
    if (!session) return
    return session.client.connection.onChange(({ state: connection, reason }) => {
      if (connection !== 'closed' || reason === 'the client was closed') return
      forgetCredential()
      change({}, `The server has ended this session: ${reason ?? 'no reason was given'}.`)
    })
  }, [session, change])
  if (!session) {
    if (isConnecting && (credential.token !== undefined || refusal === undefined))
      return <p className="connecting">Connecting …</p>
    const signIn = (token: string) => {
      saveCredential({ token })
      change({ token })
    }
    return <SignIn reason={refusal} isConnecting={isConnecting} onToken={signIn} />
  }
  return (
    <SessionContext value={session}>
      <QueryClientProvider client={session.queries}>{children}</QueryClientProvider>
    </SessionContext>
  )
}
