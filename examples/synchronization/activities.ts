import { log } from 'signalbox/activity'
import type { Message } from './workflows.ts'

/** Does what one message asks for. Never called for two messages of one user at a time. */
export async function processMessage(userId: string, message: Message): Promise<void> {
  log.info('message processed', { userId, messageId: message.messageId })
}
