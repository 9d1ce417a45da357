import { useNavigate } from '@tanstack/react-router'
import { taskStatuses } from '@tony/mcp-shared/task-statuses'
import type { FormEvent } from 'react'
import type { TaskFilters } from '../../data/task-pages.ts'
import { useAgents } from '../../data/use-names.ts'
import { AgentOptions } from '../../ui/agent-options.tsx'
import { Button } from '../../ui/button.tsx'
import { toWords } from '../../ui/format.ts'
import { parseTaskSearch, type TaskSearch } from './search.ts'

interface FilterBarProps {
  readonly filters: TaskFilters
  readonly view: TaskSearch['view']
}

/** The filters. A change is a new address, so that the page can be shared and gone back to. */
export function FilterBar({ filters, view }: FilterBarProps) {
  const navigate = useNavigate()
  const apply = (form: HTMLFormElement) => {
    const search = parseTaskSearch({ ...Object.fromEntries(new FormData(form)), view })
    void navigate({ to: '/tasks', search })
  }
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    apply(event.currentTarget)
  }
  const changeSelect = (event: FormEvent<HTMLSelectElement>) => {
    const { form } = event.currentTarget
    if (form) apply(form)
  }
  return (
    <form className="filters" onSubmit={submit} aria-label="Filters">
      {view === 'board' ? null : (
        <label>
          Status
          <select name="status" defaultValue={filters.status ?? ''} onChange={changeSelect}>
            <option value="">any</option>
            {taskStatuses.map((status) => (
              <option key={status} value={status}>
                {toWords(status)}
              </option>
            ))}
          </select>
        </label>
      )}
      <HolderSelect current={filters.claimedBy} onChange={changeSelect} />
      <TextFilter name="type" label="Type" value={filters.type} />
      <TextFilter name="epic" label="Epic" value={filters.epic} />
      <TextFilter name="story" label="Story" value={filters.story} />
      <Button type="submit">Filter</Button>
      <Button onClick={() => void navigate({ to: '/tasks', search: view === undefined ? {} : { view } })}>Clear</Button>
    </form>
  )
}

interface TextFilterProps {
  readonly name: string
  readonly label: string
  readonly value: string | undefined
}

const TextFilter = ({ name, label, value }: TextFilterProps) => (
  <label>
    {label}
    <input name={name} defaultValue={value ?? ''} size={12} />
  </label>
)

interface HolderSelectProps {
  readonly current: string | undefined
  readonly onChange: (event: FormEvent<HTMLSelectElement>) => void
}

function HolderSelect({ current, onChange }: HolderSelectProps) {
  const { data } = useAgents()
  if (!data) return current === undefined ? null : <input type="hidden" name="claimedBy" value={current} />
  return (
    <label>
      Agent
      <select name="claimedBy" defaultValue={current ?? ''} onChange={onChange}>
        <AgentOptions agents={data.agents} />
      </select>
    </label>
  )
}
