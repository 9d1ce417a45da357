import { Dialog } from '@base-ui/react/dialog'
import type { Client } from '@tony/mcp-client'
import { useState } from 'react'
import { useAct } from '../data/use-act.ts'
import { linkOf } from '../session/credential.ts'
import { useCan } from '../session/session.ts'
import { Button } from '../ui/button.tsx'

const dayMs = 86_400_000

/** Life of the key of a link. An admin makes another one, or ends it at once with `auth.revoke`. */
const lifeDays = 7

const createKey = (client: Client) =>
  client.auth.keys.create({
    name: 'link to the dashboard',
    scopes: ['*'],
    roleCeiling: 'observer',
    lifeMs: lifeDays * dayMs,
  })

/** Makes a link that signs its reader in as an observer. The page it leads to is this one. */
export function ShareLink() {
  const [link, setLink] = useState<string | undefined>(undefined)
  const canCreate = useCan()('keys:write')
  const share = useAct({
    run: async (client, path: string) => setLink(linkOf((await createKey(client)).key, path)),
    done: () => `The link reads for ${lifeDays} days.`,
  })
  if (!canCreate) return null
  return (
    <>
      <button
        type="button"
        className="plain"
        disabled={share.isPending}
        onClick={() => share.mutate(location.hash.slice(1) || '/')}
      >
        Share
      </button>
      <Dialog.Root open={link !== undefined} onOpenChange={() => setLink(undefined)}>
        <Dialog.Portal>
          <Dialog.Backdrop className="backdrop" />
          <Dialog.Popup className="palette">
            <Dialog.Title>A read-only link to this page</Dialog.Title>
            <Dialog.Description className="muted">
              Everybody with the link reads tasks and agents of this project for {lifeDays} days. It is shown once.
            </Dialog.Description>
            <input readOnly aria-label="Link" value={link ?? ''} onFocus={({ target }) => target.select()} />
            <div className="answer">
              <Button kind="primary" onClick={() => void navigator.clipboard?.writeText(link ?? '')}>
                Copy
              </Button>
              <Dialog.Close className="button">Close</Dialog.Close>
            </div>
          </Dialog.Popup>
        </Dialog.Portal>
      </Dialog.Root>
    </>
  )
}
