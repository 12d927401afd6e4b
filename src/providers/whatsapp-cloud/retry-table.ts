/**
 * What Meta's error codes ask of us (reference 14.2; codes decide, titles and texts change):
 * `retry` later with backoff · `wait` much longer, or for an event · `never` the same request again ·
 * `configuration` or credentials, a human must act · `template` must be fixed or changed.
 */
export type ErrorClass = 'retry' | 'wait' | 'never' | 'configuration' | 'template'

export interface ErrorRule {
  readonly class: ErrorClass
  readonly title: string
  /** For `retry`: the first wait. Growth with the attempts is the caller's (131056: Meta says 4^n seconds). */
  readonly afterMs: number
  /** `nextHour`: quotas that are counted per clock hour; the wait is what is left of it. */
  readonly untilNextHour: boolean
  readonly scope: 'message' | 'pair' | 'channel'
  /** For `configuration`: whether no other message of the number can go out either. */
  readonly stopsChannel: boolean
}

const seconds = 1_000
const minutes = 60_000

function retry(title: string, afterMs: number, scope: ErrorRule['scope'] = 'message'): ErrorRule {
  return { class: 'retry', title, afterMs, untilNextHour: false, scope, stopsChannel: false }
}
function hourly(title: string): ErrorRule {
  return {
    class: 'retry',
    title,
    afterMs: minutes,
    untilNextHour: true,
    scope: 'channel',
    stopsChannel: false,
  }
}
function lasting(errorClass: Exclude<ErrorClass, 'retry'>, title: string, stopsChannel: boolean): ErrorRule {
  return { class: errorClass, title, afterMs: 0, untilNextHour: false, scope: 'message', stopsChannel }
}
const wait = (title: string) => lasting('wait', title, false)
const never = (title: string) => lasting('never', title, false)
const template = (title: string) => lasting('template', title, false)
const stop = (title: string) => lasting('configuration', title, true)
/** Class C in Meta's list, yet it hinders one kind of message or one recipient only: stopping the number would be wrong. */
const human = (title: string) => lasting('configuration', title, false)

const rules = new Map<number, ErrorRule>([
  [0, stop('The access token is not valid')],
  [1, retry('Unknown error of the API', 5 * seconds)],
  [2, retry('The service is down or overloaded', 30 * seconds)],
  [3, stop('The app lacks a capability or permission')],
  [4, retry('The call limit of the app is reached', 2 * minutes, 'channel')],
  [10, stop('The app lacks a permission')],
  [33, stop('The number does not exist or was deleted')],
  [100, never('A parameter is wrong or missing')],
  [104, stop('The access token is missing or not valid')],
  [190, stop('The access token has expired or was revoked')],
  [368, stop('The account is blocked for policy violations')],
  [80007, hourly('The call limit of the account is reached')],
  [80008, hourly('The call limit of the account is reached')],
  [130403, never('The business blocked this user')],
  [130429, retry('The throughput limit of the number is reached', 5 * seconds, 'channel')],
  [130472, wait('The user is part of an experiment')],
  [130497, never('The account may not write to this country')],
  [130501, never('The message type is not supported')],
  [131000, retry('Something went wrong at Meta', 5 * seconds)],
  [131005, stop('Access denied')],
  [131008, never('A required parameter is missing')],
  [131009, never('A parameter value is not valid')],
  [131014, never('The media link could not be fetched')],
  [131016, retry('The service is unavailable', 10 * seconds)],
  [131020, never('The group request is not possible')],
  [131021, never('The recipient is the sender')],
  [131026, never('The message cannot be delivered to this recipient')],
  [131030, human('The recipient is not on the allow list of the test number')],
  [131031, stop('The account is locked')],
  [131037, stop('The display name of the number is not approved')],
  [131041, never('The group request is not possible')],
  [131042, stop('There is a problem with the payment method')],
  [131045, stop('The number is not registered correctly')],
  [131047, never('More than 24 hours since the customer last wrote')],
  [131048, wait('Too many messages of this number were reported as spam')],
  [131049, wait('Held back to keep the ecosystem healthy')],
  [131050, never('The user stopped marketing messages')],
  [131051, never('The message type is not supported')],
  [131052, never('The file of the user could not be downloaded')],
  [131053, never('The file could not be uploaded')],
  [131055, never('The method is not allowed')],
  [131056, retry('Too many messages to this recipient', 4 * seconds, 'pair')],
  [131057, retry('The account is in maintenance', minutes, 'channel')],
  [131059, never('The paging cursor is not valid')],
  [131060, never('The message is currently unavailable')],
  [131062, never('This message cannot be sent to a business-scoped user id')],
  [131063, human('Marketing templates are switched off on the Cloud API')],
  [131064, wait('The messaging limit is reduced because of template misclassification')],
  [132000, template('The number of template parameters does not match')],
  [132001, template('The template does not exist in this language or is not approved')],
  [132005, template('The text is too long after filling in')],
  [132007, template('The content violates a policy')],
  [132008, template('A template parameter does not match')],
  [132012, template('The format of a template parameter does not match')],
  [132015, wait('The template is paused')],
  [132016, template('The template is disabled')],
  [132018, template('The template parameters are not valid')],
  [132068, template('The flow is blocked')],
  [132069, wait('The flow is throttled')],
  [133000, retry('An earlier deregistration is incomplete', minutes, 'channel')],
  [133004, retry('The server is temporarily unavailable', 30 * seconds)],
  [133005, stop('The PIN is wrong')],
  [133006, stop('The number must be verified first')],
  [133008, wait('Too many PIN guesses')],
  [133009, retry('The PIN was entered too fast', minutes)],
  [133010, stop('The number is not registered')],
  [133015, retry('The number was just deleted', 5 * minutes, 'channel')],
  [133016, wait('Too many registrations of the number')],
  [134011, human('The payment terms are not accepted')],
  [134100, never('Only marketing templates can be sent this way')],
  [134101, retry('The template is still being synchronised', 10 * minutes)],
  [134102, human('The template is not available')],
  [135000, never('The request parameters are wrong')],
  [137000, never('The identity of the user has changed')],
  [1752041, never('The onboarding request is a duplicate')],
  [2388019, human('There are too many templates')],
  [2494100, retry('The number is in maintenance', 2 * minutes, 'channel')],
])

const ranges: readonly (readonly [from: number, to: number, rule: ErrorRule])[] = [
  [200, 299, stop('The access token lacks a permission')],
  [131201, 131215, never('The group request is not possible')],
  [136000, 136999, never('The code could not be requested or verified')],
  [138000, 138018, never('The call request is not possible')],
  [139000, 139103, never('The request is not possible')],
  [147001, 147005, never('The username request is not possible')],
  [2388001, 2388001, stop('The number is being migrated')],
  [2388012, 2388012, stop('The number is being migrated')],
  [2388039, 2388073, template('The template definition is not valid')],
  [2388091, 2388103, stop('The number is being migrated')],
  [2388293, 2388299, template('The template definition is not valid')],
  [2593107, 2593109, never('The history of the number is not shared')],
]

/**
 * The rule for a code, undefined for one that nobody documented. `subcode` matters once: 100 with 33 says that the number
 * itself is not there for us (deleted, or permission lost).
 */
export function ruleFor(code: number, subcode?: number): ErrorRule | undefined {
  if (code === 100 && subcode === 33) return rules.get(33)
  return rules.get(code) ?? ranges.find(([from, to]) => code >= from && code <= to)?.[2]
}

/** Whether the same message may work at another time: what a human reads as "try again". */
export function isRetryable(rule: ErrorRule | undefined): boolean {
  return rule?.class === 'retry' || rule?.class === 'wait'
}
