import type { Message } from '@tony/mcp-client'

export const messageStatusNames = [
  'pending',
  'delivered',
  'acked',
  'dead',
  'expired',
] as const satisfies readonly Message['status'][]
