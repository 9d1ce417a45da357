import { type Config, readEnvironmentConfig } from '../config.ts'
import { DatabaseKeyStore, FileKeyStore, type KeyStore } from '../domain/identity/key-store.ts'
import { Pepper } from '../domain/identity/pepper.ts'
import {
  listPublicKeys,
  type PublicKey,
  propagationMs,
  publishLeadMs,
  rotateKeys,
} from '../domain/identity/signing-keys.ts'
import { systemClock } from '../platform/clock.ts'
import { openStore } from '../store/open-store.ts'

export type { PublicKey }

export interface RotateKeysOptions {
  /** SQLite file; default: the environment's database. */
  readonly database?: string | undefined
  /**
   * Milliseconds until the new key signs. Default: one day, so that every copy of the public keys
   * includes it by then.
   */
  readonly inMs?: number | undefined
  /** True to end all other keys now, and with them every token. */
  readonly revoke?: boolean | undefined
}

const fileKeyStoreOf = (database: string): KeyStore => new FileKeyStore(`${database}.key`)

/** Calls `use` with the key store of a database. */
async function withKeyStore<T>(
  config: Config,
  database: string | undefined,
  use: (keyStore: KeyStore) => Promise<T>,
): Promise<T> {
  if (database !== undefined || !config.postgres) return use(fileKeyStoreOf(database ?? config.database))
  await using store = await openStore(config, systemClock)
  const pepper = Pepper.open(config.pepperFile, `${config.database}.pepper`)
  return await use(new DatabaseKeyStore(store, pepper))
}

/** Adds a signing key. Safe while the server runs; the server reads the key within a second. */
export function rotateSigningKeys({
  database,
  inMs,
  revoke = false,
}: RotateKeysOptions): Promise<readonly PublicKey[]> {
  const config = readEnvironmentConfig()
  const now = systemClock.wall()
  const signsFrom = now + (revoke ? 0 : Math.max(propagationMs, inMs ?? publishLeadMs))
  const rotation = { now, lifeMs: config.accessTokenMs, signsFrom, revoke }
  return withKeyStore(config, database, (keyStore) => rotateKeys(keyStore, rotation))
}

/** Returns the public halves of the signing keys. */
export const listSigningKeys = ({ database }: Pick<RotateKeysOptions, 'database'>): Promise<readonly PublicKey[]> =>
  withKeyStore(readEnvironmentConfig(), database, listPublicKeys)
