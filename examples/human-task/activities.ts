import { log } from 'signalbox/activity'

/** Puts the task on everybody's list: a record in a database, an e-mail with a form, a notification. */
export async function publishTask(taskId: string, title: string): Promise<void> {
  log.info('task published', { taskId, title })
}

/** Reminds whoever holds the task, or everybody if nobody does. */
export async function remindOfTask(taskId: string, user: string | undefined): Promise<void> {
  log.info('reminder sent', { taskId, to: user ?? 'everybody' })
}

/** Takes the task off the lists. */
export async function withdrawTask(taskId: string): Promise<void> {
  log.info('task withdrawn', { taskId })
}
