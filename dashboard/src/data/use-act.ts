import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Client } from '@tony/mcp-client'
import { useSession } from '../session/session.ts'
import { toErrorText } from '../ui/error-text.ts'
import { showToast } from '../ui/toast.tsx'

interface ActOptions<Input> {
  readonly run: (client: Client, input: Input) => Promise<unknown>
  /** The sentence that tells of the success. */
  readonly done: (input: Input) => string
  /** The queries to read again. The feed patches the others. */
  readonly outdates?: readonly (readonly unknown[])[]
}

/** Returns a mutation that shows its outcome, with the next step after a refusal. */
export function useAct<Input>({ run, done, outdates = [] }: ActOptions<Input>) {
  const { client } = useSession()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (input: Input) => run(client, input),
    onSuccess: (_, input) => showToast(done(input)),
    onError: (error) => showToast(toErrorText(error), true),
    onSettled: () => Promise.all(outdates.map((queryKey) => queries.invalidateQueries({ queryKey }))),
  })
}
