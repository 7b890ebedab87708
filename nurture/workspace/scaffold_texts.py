"""The starts that ``nurture init`` and ``nurture new`` write."""

GITIGNORE = """\
# nurture: people's data and secrets stay out of git; made-up samples may be shown
/data/*
!/data/sample/
*.rejected.csv
.env
"""

SETTINGS = """\
# yaml-language-server: $schema=.schemas/nurture.json
# All settings: docs/configuration.md. After a change: nurture check
clinic:
  name: {clinic}
  phone: {phone}
  address:
    street: {street}
    city: {city}
    region: {region}
    postal_code: {postal_code}
    country: {country}
  site: {site}
  time_zone: {time_zone}
  hours:
    mon-fri: 08:00-18:00
  # holidays: [2026-12-25, 2027-01-01]   # nothing is sent on these days

# brand:                                 # how mails look
#   logo: logo.png
#   primary: "#0b5c6b"
#   tagline: Moving well, close to home

senders:                                 # the first one is the default
  main:
    name: {clinic}
    address: {address}
    # smtp:                              # not needed yet: until the clinic goes live, the sandbox takes all mail
    #   host: smtp.clinic.example
    #   username: {address}
    #   password: env:NURTURE_SMTP_PASSWORD
    # dkim: ...                          # where the mail server does not sign: nurture dkim new

# Which consents allow mail. An empty list asks for none.
consent_required:
  past_patient: [written]
  other: [written, verbal, implied]

limits:
  contact_gap: 3 days                    # at most one newsletter or broadcast per person in this time
"""

PARTNERS_SEGMENT = """\
# yaml-language-server: $schema=../.schemas/segment.json
# Everybody who works with us; past patients are not partners.
category: [healthcare_provider, community_agency, private_business, sports_club, school]
"""

PARTNERS_IMPORT = """\
# yaml-language-server: $schema=../.schemas/import.json
# Try it with three made-up people: nurture contacts import partners data/sample/partners.csv
# Your list may have other columns: the field of a contact on the left, the column's header on the right.
columns:
  address: Email
  title: Title
  first_name: First name
  last_name: Last name
  role: Role
  phone: Phone
  category: Category                     # several with `;`
  tags: Tags
  organization: Organization
  org.city: City
consent:                                 # what everybody in the list agreed to, and how you know
  kind: implied
  source: Our list of partners
  date: {today}
"""

PARTNERS_SAMPLE = """\
Title,First name,Last name,Role,Email,Phone,Category,Tags,Organization,City
Dr.,Anna,Lee,Orthopedic surgeon,dr.lee@valley-ortho.example,555-0101,healthcare_provider,refers,Valley Orthopedics,Salem
,Kim,Ortiz,Owner,kim@gym.example,555-0102,private_business,gym,Northside Gym,Salem
,Ana,Ruiz,Program director,ana@agency.example,555-0103,community_agency,,Salem Senior Center,Salem
"""

SEGMENT = """\
# yaml-language-server: $schema=../.schemas/segment.json
# A mapping means all of it, a list means any of it. Try it with: nurture segments show NAME
all:
  - category: [private_business, sports_club]
  # - org.city: Salem
  # - tag: {not: paused}
  # - received: {campaign: partner-news, within: 60 days}
  # - not: {replied: {within: 30 days}}
  # - partners                           # segments/partners.yaml
"""

NEWSLETTER = """\
# yaml-language-server: $schema=../.schemas/campaign.json
# See when it comes and who gets it: nurture plan. See the mail: nurture preview
kind: newsletter
topic: partner-news                      # what readers may leave on its own
to: {category: [healthcare_provider, community_agency, private_business, sports_club, school]}
purpose: own_service                     # why past patients among them may get it; see docs/campaigns.md
schedule: first tuesday at 09:30         # every 2 weeks on tuesday at 09:30 from 2026-12-01 | cron 30 9 1 * *
content:
  news: {audience: partners, unseen: true, max: 4}
  skip_if_empty: true
subject: "{{ news[0].title }}"
template: newsletter
intent: give                             # give: useful without return; ask: wants something
"""

BROADCAST = """\
# yaml-language-server: $schema=../.schemas/campaign.json
# It goes once. See who gets it: nurture plan. See the mail: nurture preview
kind: broadcast
topic: partner-news                      # what readers may leave on its own
to: {category: [healthcare_provider, community_agency, private_business, sports_club, school]}
purpose: own_service                     # why past patients among them may get it; see docs/campaigns.md
# schedule: 2026-12-01 at 09:30          # without it, only `nurture send` starts it
subject: Something new at {{ clinic.name }}
template: announcement
body: |
  Say in two or three sentences what is new and what your reader has from it.
intent: give                             # give: useful without return; ask: wants something
"""

NEWS = """\
---
title: {title}
summary: One or two sentences that stand on their own.
date: {date}
# expires: 2027-12-31                    # the last day on which it may be sent
audience: [partners]                     # campaigns ask for it
tags: [clinic]
# pin: true                              # goes first
# link: https://clinic.example/news
# variants:                              # other words for one category of readers
#   healthcare_provider: {{title: A title for physicians, body: "Markdown for physicians"}}
---
Write here what is new, in Markdown. What does your reader have from it?
"""
