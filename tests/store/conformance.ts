import { describe } from 'vitest'
import type { Opened } from '../support/store.ts'
import { batchConformance } from './conformance/batches.ts'
import { commitConformance } from './conformance/commits.ts'
import { feedConformance } from './conformance/feed.ts'
import { fenceConformance } from './conformance/fences.ts'
import { keyConformance } from './conformance/keys.ts'
import { laneConformance } from './conformance/lanes.ts'
import { pageConformance } from './conformance/pages.ts'
import { revocationConformance } from './conformance/revocations.ts'

/**
 * The definition of a store. Every engine runs all of it; the features of one engine have tests of
 * their own.
 */
export function storeConformance(engineName: string, open: () => Promise<Opened>): void {
  describe(`the store on ${engineName}`, () => {
    describe('commits', () => commitConformance(open))
    describe('numbers events', () => feedConformance(open))
    describe('writes events', () => pageConformance(open))
    describe('fences', () => fenceConformance(open))
    describe('keeps out', () => revocationConformance(open))
    describe('batches', () => batchConformance(open))
    describe('hands out writes to', () => laneConformance(open))
    describe('keeps idempotency keys', () => keyConformance(open))
  })
}
