import { useEffect } from 'react'
import { useLiveState } from '../data/use-feed.ts'
import { useSession } from '../session/session.ts'
import { showToast } from '../ui/toast.tsx'

/**
 * Tells after a reconnection if the server has another version: this page may then lack files that
 * it has not loaded yet.
 */
export function useVersionCheck(): void {
  const { client, server } = useSession()
  const { kind } = useLiveState()
  useEffect(() => {
    if (kind !== 'live') return
    client.system.info({}).then(
      ({ version }) => {
        if (version !== server.version)
          showToast(`The server has changed to version ${version}: load the page again.`, true)
      },
      // The next reconnection asks again.
      () => undefined,
    )
  }, [client, server, kind])
}
