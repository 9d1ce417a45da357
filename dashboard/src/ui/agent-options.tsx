interface AgentOptionsProps {
  readonly agents: readonly { readonly id: string; readonly name: string }[]
}

/** The options of a filter by agent: any, or one of them. */
export const AgentOptions = ({ agents }: AgentOptionsProps) => (
  <>
    <option value="">any</option>
    {agents.map(({ id, name }) => (
      <option key={id} value={id}>
        {name}
      </option>
    ))}
  </>
)
