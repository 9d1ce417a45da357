import { Dialog } from '@base-ui/react/dialog'
import { useNavigate } from '@tanstack/react-router'
import { type KeyboardEvent, useId, useState } from 'react'
import { navigation } from './navigation.ts'

interface Choice {
  readonly id: string
  readonly title: string
  readonly about: string
  readonly run: () => void
}

/** Returns the choices for a text: the pages that match it, and the task with that id. */
function useChoices(text: string): readonly Choice[] {
  const navigate = useNavigate()
  const wanted = text.trim().toLowerCase()
  const pages = navigation
    .filter(({ title, about }) => `${title} ${about}`.toLowerCase().includes(wanted))
    .map(({ path, title, about }) => ({ id: path, title, about, run: () => void navigate({ to: path }) }))
  if (wanted.length < 3) return pages
  const taskId = text.trim()
  const task: Choice = {
    id: 'task',
    title: `Task ${taskId}`,
    about: 'opens the task with this id',
    run: () => void navigate({ to: '/tasks/$taskId', params: { taskId } }),
  }
  const type: Choice = {
    id: 'type',
    title: `Tasks of the epic ${taskId}`,
    about: 'lists them',
    run: () => void navigate({ to: '/tasks', search: { epic: taskId } }),
  }
  return [...pages, task, type]
}

interface PaletteProps {
  readonly isOpen: boolean
  readonly onOpenChange: (isOpen: boolean) => void
}

/** Finds a page or a task from the keyboard. */
export function Palette({ isOpen, onOpenChange }: PaletteProps) {
  return (
    <Dialog.Root open={isOpen} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="palette">
          <Dialog.Title className="hidden">Find a page or a task</Dialog.Title>
          <PaletteSearch onDone={() => onOpenChange(false)} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function PaletteSearch({ onDone }: { readonly onDone: () => void }) {
  const [text, setText] = useState('')
  const [chosen, setChosen] = useState(0)
  const listId = useId()
  const choices = useChoices(text)
  const index = Math.min(chosen, choices.length - 1)
  const run = (choice: Choice | undefined) => {
    if (!choice) return
    choice.run()
    onDone()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0) {
      event.preventDefault()
      setChosen((index + step + choices.length) % Math.max(1, choices.length))
    } else if (event.key === 'Enter') run(choices[index])
  }
  return (
    <>
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={choices[index] ? `${listId}-${choices[index].id}` : undefined}
        aria-label="Name of a page, id of a task or name of an epic"
        placeholder="Page, task id or epic"
        value={text}
        onChange={({ target }) => {
          setText(target.value)
          setChosen(0)
        }}
        onKeyDown={onKeyDown}
      />
      <ChoiceList id={listId} choices={choices} index={index} onChoose={run} />
    </>
  )
}

interface ChoiceListProps {
  readonly id: string
  readonly choices: readonly Choice[]
  /** Place of the choice that Enter takes. */
  readonly index: number
  readonly onChoose: (choice: Choice) => void
}

const ChoiceList = ({ id, choices, index, onChoose }: ChoiceListProps) => (
  <div id={id} role="listbox" aria-label="Choices" tabIndex={-1}>
    {choices.map((choice, place) => (
      <div
        key={choice.id}
        tabIndex={-1}
        id={`${id}-${choice.id}`}
        role="option"
        aria-selected={place === index}
        onPointerDown={() => onChoose(choice)}
      >
        {choice.title} <span className="muted">{choice.about}</span>
      </div>
    ))}
  </div>
)
