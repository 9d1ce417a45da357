interface MessageParticipants {
  readonly fromAgent: string | null
  readonly toAgent: string
}

/** The agents that may see the events of a message: its sender and its recipient. */
export const participantsOf = ({ fromAgent, toAgent }: MessageParticipants): readonly string[] =>
  fromAgent === null ? [toAgent] : [fromAgent, toAgent]
