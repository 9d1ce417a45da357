import { configHere } from '../config.ts'
import { FileChest, type KeyChest, StoreChest } from '../domain/identity/key-store.ts'
import { Pepper } from '../domain/identity/pepper.ts'
import { leadMs, type PublicKey, rotate, spreadMs } from '../domain/identity/signing-keys.ts'
import { systemClock } from '../platform/clock.ts'
import { openStore } from '../store/open-store.ts'

export type { PublicKey }

export interface RotateKeys {
  /** The SQLite file, where it is not as the environment says for a server. */
  readonly database?: string | undefined
  /** When the new key begins to sign. Default: in a day, so that others have its public half by then. */
  readonly inMs?: number | undefined
  /** Ends all other keys now, and with them every token there is. */
  readonly revoke?: boolean | undefined
}

/** Gives the server's signing keys one more, next to a running server or without one; it has it within a second. */
export async function rotateSigningKeys({ database, inMs, revoke = false }: RotateKeys): Promise<readonly PublicKey[]> {
  const config = configHere()
  const now = systemClock.wall()
  const signsFrom = now + (revoke ? 0 : Math.max(spreadMs, inMs ?? leadMs))
  const rotation = { now, lifeMs: config.accessTokenMs, signsFrom, revoke }
  if (database !== undefined || !config.postgres) return rotate(fileChest(database ?? config.database), rotation)
  await using store = await openStore(config, systemClock)
  const pepper = Pepper.open(config.pepperFile, `${config.database}.pepper`)
  return await rotate(new StoreChest(store, pepper), rotation)
}

const fileChest = (database: string): KeyChest => new FileChest(`${database}.key`)
