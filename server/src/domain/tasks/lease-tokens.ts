import { createHmac, timingSafeEqual } from 'node:crypto'
import { randomToken } from '../../platform/random.ts'

const attemptBytes = 4
const randomBytes = 9
const macBytes = 8

/** Whose lease a token is of. */
export interface LeaseHolder {
  readonly taskId: string
  readonly agentId: string
}

/**
 * Lease tokens that prove themselves. The row of a task knows only its newest lease; a token of an earlier one must still be
 * told from an invented one, or anybody could leave results on a task it never held. Nothing is kept for that but one secret.
 */
export class LeaseTokens {
  readonly #secret: Uint8Array

  constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  mint(holder: LeaseHolder, attempt: number): string {
    const head = Buffer.alloc(attemptBytes)
    head.writeUInt32BE(attempt)
    const body = Buffer.concat([head, Buffer.from(randomToken(randomBytes), 'base64url')])
    return Buffer.concat([body, this.#mac(holder, body)]).toString('base64url')
  }

  /** The attempt this token was given for; undefined when it was not given to this agent for this task. */
  attemptOf(token: string, holder: LeaseHolder): number | undefined {
    const bytes = Buffer.from(token, 'base64url')
    if (bytes.length !== attemptBytes + randomBytes + macBytes) return undefined
    const body = bytes.subarray(0, attemptBytes + randomBytes)
    if (!timingSafeEqual(bytes.subarray(body.length), this.#mac(holder, body))) return undefined
    return body.readUInt32BE(0)
  }

  #mac({ taskId, agentId }: LeaseHolder, body: Buffer): Buffer {
    return createHmac('sha256', this.#secret).update(taskId).update(agentId).update(body).digest().subarray(0, macBytes)
  }
}
