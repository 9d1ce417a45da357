import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { eq } from 'drizzle-orm'
import { type Config, ConfigError } from '../../config.ts'
import { createFile, errorCodeOf } from '../../store/file-sync.ts'
import type { Store } from '../../store/store.ts'

/** The kind of the hashed value. The hash of a refresh token never equals the hash of a key. */
type HashPurpose =
  | 'key'
  | 'outside'
  | 'bootstrap'
  | 'bootstrap token'
  | 'refresh'
  | 'refresh proof'
  | 'refresh successor'
  | 'nonce'
  | 'instance'
  | 'pepper'
  | 'mcp-session'

/**
 * The secret key for hashing secrets. It is kept next to the database and not in it: the database
 * or a backup alone is not enough to guess a secret from its hash or to forge one. The hash is a
 * fast one because the secrets are random: scrypt would cost 87 ms per caller and allow exhaustion
 * of the server.
 */
export class Pepper {
  readonly #key: Buffer

  private constructor(key: string) {
    this.#key = Buffer.from(key)
  }

  /**
   * Reads the pepper from `givenFile`, which the operator provides, or from `ownFile`, which the
   * first start creates and only its owner can read.
   */
  static open(givenFile: string | undefined, ownFile: string): Pepper {
    if (givenFile === undefined) createOwnFile(ownFile)
    const key = readSecretFile('MCP_PEPPER_FILE', givenFile ?? ownFile)
    return new Pepper(key)
  }

  hash(purpose: HashPurpose, ...parts: readonly string[]): string {
    const hmac = createHmac('sha256', this.#key).update(purpose)
    for (const part of parts) hmac.update('\0').update(part)
    return hmac.digest('base64url')
  }

  /** Encrypts a secret that has to be in the database. Only a holder of the pepper can read it. */
  seal(purpose: string, text: string): string {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', this.#sealingKey(purpose), nonce)
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
  }

  /** Throws for a text that was not sealed with this pepper and for this purpose. */
  unseal(purpose: string, sealed: string): string {
    const bytes = Buffer.from(sealed, 'base64url')
    const decipher = createDecipheriv('aes-256-gcm', this.#sealingKey(purpose), bytes.subarray(0, 12))
    decipher.setAuthTag(bytes.subarray(12, 28))
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
  }

  #sealingKey(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#key, '', `seal ${purpose}`, 32))
  }
}

/** Compares two hashes in a time that does not depend on the position of a difference. */
export function isSameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Creates the file of the pepper unless it exists. Throws ConfigError if it cannot be written. */
function createOwnFile(file: string): void {
  try {
    // The file must survive a power cut before the first hash is committed.
    if (!existsSync(file)) createFile(file, `${randomBytes(32).toString('base64url')}\n`)
    chmodSync(file, 0o600)
  } catch (cause) {
    throw new ConfigError(
      `the pepper cannot be written to ${file} (${errorCodeOf(cause)}): set MCP_PEPPER_FILE to a file with a secret of 32 characters or more, the same for all replicas`,
      { cause },
    )
  }
}

/** Reads a secret from a file of the operator. Throws ConfigError naming the variable. */
export function readSecretFile(variable: string, file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new ConfigError(`${variable}: ${file} cannot be read`, { cause })
  }
  if (text.length < 32) throw new ConfigError(`${variable}: ${file} holds fewer than 32 characters`)
  return text
}

/**
 * Throws ConfigError if this database's secrets were hashed with another pepper: every key and
 * refresh token would be refused without a visible cause. In dev mode on SQLite the new pepper
 * replaces the old one, because credentials may be lost there. On PostgreSQL it never does:
 * replicas would replace each other's pepper.
 */
export async function requireSamePepper(
  store: Store,
  pepper: Pepper,
  { mode, postgres }: Pick<Config, 'mode' | 'postgres'>,
): Promise<void> {
  const value = pepper.hash('pepper')
  const stored = await store.transact({ project: '' }, async ({ db, t }) => {
    await db.insert(t.storeFacts).values({ name: 'pepper', value }).onConflictDoNothing()
    if (mode === 'dev' && !postgres) await db.update(t.storeFacts).set({ value }).where(eq(t.storeFacts.name, 'pepper'))
    return db.select({ value: t.storeFacts.value }).from(t.storeFacts).where(eq(t.storeFacts.name, 'pepper'))
  })
  if (stored[0]?.value === value) return
  throw new ConfigError(
    'the pepper is not the one this database was made with: every API key and refresh token would be refused. Restore the file beside the database whose name ends in .pepper (replicas share one), or set MCP_PEPPER_FILE to the one that was used',
  )
}
