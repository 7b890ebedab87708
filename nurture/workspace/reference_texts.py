"""The words of ``docs/configuration.md`` that no model can say."""

INTRODUCTION = """\
# Configuration

<!-- Written by `nurture.workspace.reference` from the models; do not edit. -->

A workspace is a folder: `nurture.yaml`, `campaigns/`, `segments/`, `imports/`, `news/`, `templates/emails/`, `data/`.
All files are YAML 1.2 (UTF-8, at most 1 MB each). Unknown keys are errors. `nurture check` shows every problem of
every file with its line and column. `nurture schema` writes JSON Schemas into `.schemas/`, so that editors complete;
a file names its own in the first line: `# yaml-language-server: $schema=../.schemas/campaign.json`.

Quote numbers that are texts: `postal_code: "02134"`.

## Kinds of values

| kind | how it is written |
|---|---|
| name | small letters, digits and `-`, at most 63: `partner-news` |
| duration | `90 minutes`, `3 hours`, `7 days`, `2 weeks` |
| date | `2026-12-01` |
| opening hours | `mon-fri: 08:00-18:00` by days; several spans: `sat: 09:00-12:00, 14:00-16:00`; `sun: closed` |
| time zone | an IANA name: `America/New_York` |
| country | two capital letters (ISO 3166-1): `US` |
| colour | `"#0b5c6b"`, quoted |
| mail address | `hello@clinic.example` |
| secret | where the secret is, never the secret: `env:NAME` or `file:PATH`; the file must be readable by you alone |
| schedule | see [schedules](#schedules) |
| condition | see [conditions](#conditions) |
"""

SCHEDULES = """\
All times are wall times in the clinic's time zone.

| written | meaning |
|---|---|
| `2026-12-01 at 09:30` | once; for broadcasts |
| `first tuesday at 09:30` | each month; `first` to `fifth`, and `last`; months without a fifth are left out |
| `day 15 at 09:30` | each month; months without a day 31 are left out |
| `every tuesday at 09:30` | each week |
| `every 2 weeks on tuesday at 09:30 from 2026-12-01` | every second week, counted from that Tuesday |
| `cron 30 9 1 * *` | minute, hour, day, month, weekday as in Unix: 0 and 7 are Sunday; names (`mon`, `jan`), lists, \
ranges and steps. When day and weekday are both restricted, either is enough |
"""

CONDITIONS = """\
A condition says who is meant: in a campaign under `to`, and in `segments/NAME.yaml`. A mapping means *all* of its
entries, a list means *any* of its items, a text is the name of a segment. `all`, `any` and `not` say it in words.

```yaml
all:
  - category: [private_business, sports_club]   # one of them
  - org.city: Salem
  - tag: {not: vip}
  - discharged_on: {before: 90 days ago}
  - received: {campaign: partner-news, within: 60 days}
  - not: {replied: {within: 30 days}}
  - warm-partners                               # segments/warm-partners.yaml
```

A field with a value means *is*, with a list *is one of*; a comparison has its own mapping.
"""

AFTER_CONDITIONS = """\
Dates are absolute (`2026-12-01`) or counted from today: `today`, `yesterday`, `tomorrow`, `90 days ago`,
`in 2 weeks`, `6 months ago`, `1 year ago`. An anniversary is `today` or lies in the `next 30 days`.
Behaviours: `replied: true` is ever, `replied: false` never, `received: partner-news` is short for
`received: {campaign: partner-news}`.

Past patients: a campaign that could reach them needs a `purpose`. A condition can reach them unless it restricts
`category` to others. What somebody else pays for, or offers somebody else's product (`third_party`), is refused for
past patients: it needs a signed authorization from each of them (45 CFR 164.508), which this version cannot keep.
"""
