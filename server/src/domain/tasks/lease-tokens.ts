import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { randomToken } from '../../platform/random.ts'

const attemptBytes = 4
const randomPartBytes = 9
const macBytes = 8

/** The task and the agent of a lease. */
export interface LeaseParties {
  readonly taskId: string
  readonly agentId: string
}

/**
 * Lease tokens with a proof of their origin. A task's row has the token of its newest lease only,
 * but tokens of earlier leases must differ from invented ones, or any agent could leave a result on
 * a task it never held. The only stored state for that is one secret.
 */
export class LeaseTokens {
  readonly #key: KeyObject

  constructor(secret: Uint8Array) {
    // A key that is prepared for each token costs 10 µs.
    this.#key = createSecretKey(secret)
  }

  issueToken(holder: LeaseParties, attempt: number): string {
    const head = Buffer.alloc(attemptBytes)
    head.writeUInt32BE(attempt)
    const body = Buffer.concat([head, Buffer.from(randomToken(randomPartBytes), 'base64url')])
    return Buffer.concat([body, this.#mac(holder, body)]).toString('base64url')
  }

  /**
   * Returns the attempt this token was issued for; undefined if it was not issued to this agent for
   * this task.
   */
  attemptOf(token: string, holder: LeaseParties): number | undefined {
    const bytes = Buffer.from(token, 'base64url')
    if (bytes.length !== attemptBytes + randomPartBytes + macBytes) return undefined
    const body = bytes.subarray(0, attemptBytes + randomPartBytes)
    if (!timingSafeEqual(bytes.subarray(body.length), this.#mac(holder, body))) return undefined
    return body.readUInt32BE(0)
  }

  #mac({ taskId, agentId }: LeaseParties, body: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(taskId).update(agentId).update(body).digest().subarray(0, macBytes)
  }
}
