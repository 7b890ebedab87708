"""Failure notices in the shapes that mail systems give them: whose mail it was, and whose fault."""

import pytest

from nurture.inbox.judging import judge_octets

PAT = "pat@partner.example"
ORIGINAL = """
Received: from relay.example by mx.example
From: news@clinic.example
To: old@other.example
Message-ID: <4f1c9e70@clinic.example>
Subject: News

hello
"""
NOTICES = {
    "notes": (
        "hard",
        f"""------- Failure Reasons  --------

User not listed in public Name & Address Book
{PAT}


------- Returned Message --------
{ORIGINAL}""",
    ),
    "notes2": (
        "hard",
        f"""Your message

  Subject: News

was not delivered to:

  {PAT}

because:

  User pat ({PAT}) not listed in Domino Directory
""",
    ),
    "mailfoundry": (
        "hard",
        f"""Unable to deliver message to: <{PAT}>
Delivery failed for the following reason:
Server mx22.example.com[192.0.2.22] failed with: 550 <{PAT}> No such user here


This has been a permanent failure.  No further delivery attempts will be made.
""",
    ),
    "mailmarshal": (
        "hard",
        f"""Your message:
   From:    news@clinic.example
   Subject: News
Could not be delivered because of

550 5.1.1 User unknown

The following recipients were affected:
    {PAT}

Additional Information
======================
""",
    ),
    "gmx": (
        "hard",
        f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of
its recipients. This is a permanent error. The following address
failed:

"{PAT}":
SMTP error from remote server after RCPT command:
host: mx.partner.example
5.1.1 <{PAT}>... User Unknown

--- The header of the original message is following. ---
{ORIGINAL}""",
    ),
    "biglobe": (
        "soft",
        f"""   ----- The following addresses had delivery problems -----
{PAT}

   ----- Non-delivered information -----
The number of messages in recipient's mailbox exceeded the local limit.

""",
    ),
    "interscan": (
        "hard",
        f"""Sent <<< RCPT TO:<{PAT}>
Received >>> 550 5.1.1 <{PAT}>... user unknown

Unable to deliver message to <{PAT}>
""",
    ),
    "activehunter": (
        "hard",
        f"""  ----- The following addresses had permanent fatal errors -----

>>> {PAT} <{PAT}>

  ----- not deliverable -----
550 sorry, no mailbox here by that name (#5.1.1 - chkusr)

  ----- Original message follows -----
{ORIGINAL}""",
    ),
    "x5": (
        "hard",
        f"""We had trouble delivering your message. Full details follow:

Subject: 'News'
Date: Thu, 29 Apr 2015

1 error(s):

SMTP Server <mta2.partner.example> rejected recipient <{PAT}>
  (Error following RCPT command). It responded as follows: [550 5.1.1 User unknown]

Attached to this message are the headers
""",
    ),
    "v5sendmail": (
        "hard",
        f"""   ----- Transcript of session follows -----
While talking to mx.partner.example:
>>> RCPT To:<{PAT}>
<<< 550 <{PAT}>, User Unknown
550 <{PAT}>... User unknown

   ----- Unsent message follows -----
{ORIGINAL}""",
    ),
    "google": (
        "hard",
        f"""Delivery to the following recipient failed permanently:

     {PAT}

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the recipient domain. We recommend contacting the other email provider for further information about the cause of this error. The error that the other server returned was: 550 550 5.1.1 <{PAT}>... User Unknown (state 14).

----- Original message -----
{ORIGINAL}""",
    ),
    "google-state18": (
        "soft",
        f"""Delivery to the following recipient failed permanently:

     {PAT}

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the recipient domain. The error that the other server returned was: 550 550 Unknown user {PAT} (state 18).

----- Original message -----
{ORIGINAL}""",
    ),
    "google-delay": (
        "delayed",
        f"""This is an automatically generated Delivery Status Notification

THIS IS A WARNING MESSAGE ONLY.

YOU DO NOT NEED TO RESEND YOUR MESSAGE.

Delivery to the following recipient has been delayed:

     {PAT}

Message will be retried for 2 more day(s)

Technical details of temporary failure:
The recipient server did not accept our requests to connect.

----- Original message -----
{ORIGINAL}""",
    ),
    "zoho": (
        "hard",
        f"""This message was created automatically by mail delivery software.
A message that you sent could not be delivered to one or more of its recipients. This is a permanent error.

{PAT} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <{PAT}>... User Unknown

""",
    ),
    "postfix-text": (
        "sender",
        f"""This is the Postfix program at host relay.example.

I'm sorry to have to inform you that your message could not be
be delivered to one or more recipients.

<{PAT}>: host mx.partner.example[192.0.2.7] said: 550 5.7.1
    <news@clinic.example>: Sender address rejected: not authorized (in reply to MAIL FROM
    command)
{ORIGINAL}""",
    ),
    "imail": (
        "soft",
        f"""User mailbox exceeds allowed size: {PAT}

Original message follows.
{ORIGINAL}""",
    ),
    "imail2": (
        "hard",
        f"""Invalid final delivery userid: {PAT}

Original message follows.
{ORIGINAL}""",
    ),
    "james": (
        "hard",
        f"""Hi. This is the James mail server at relay.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.  Below
I include the list of recipients and the reason why I was unable to deliver
your message.

Failed recipient(s):
{PAT}

Error message:
550 - Requested action not taken: no such user here

The original message is attached.

""",
    ),
    "aol-full": (
        "soft",
        f"""  ----- The following addresses had permanent fatal errors -----
<{PAT}>

   ----- Transcript of session follows -----
... while talking to mx.partner.example.:
>>> RCPT To:<{PAT}>
<<< 552 {PAT} MAILBOX FULL
554 <{PAT}>... Service unavailable
""",
    ),
    "exim-nohost": (
        "hard",
        f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {PAT}
    Unrouteable address

------ This is a copy of the message, including all the headers. ------
{ORIGINAL}""",
    ),
    "exim-spam": (
        "sender",
        f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {PAT}
    SMTP error from remote mail server after end of data:
    host mx.partner.example [192.0.2.7]: 550 High probability of spam

------ This is a copy of the message, including all the headers. ------
{ORIGINAL}""",
    ),
    "exim-delay": (
        "delayed",
        f"""This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on relay.example.

The message identifier is:     1abc

The address to which the message has not yet been delivered is:

  {PAT}

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals if the message
remains undelivered.
""",
    ),
    "de-gmx": (
        "soft",
        f"""Diese E-Mail wurde automatisch erstellt.

Ihre Nachricht konnte nicht zugestellt werden.

Empfänger: {PAT}
Grund: Postfach voll
""",
    ),
    "es": (
        "hard",
        f"""Su mensaje no pudo ser entregado a los siguientes destinatarios:

<{PAT}>:
550 5.1.1 usuario desconocido
""",
    ),
    "office365-text": (
        "hard",
        f"""Delivery has failed to these recipients or groups:

{PAT}<mailto:{PAT}>
The email address you entered couldn't be found. Please check the recipient's email address and try to resend the message.

Diagnostic information for administrators:

Generating server: X.prod.outlook.com

{PAT}
Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {PAT} not found by SMTP address lookup'

Original message headers:
{ORIGINAL}""",
    ),
    "office365-restricted": (
        "sender",
        f"""Delivery has failed to these recipients or groups:

Staff ({PAT})
Your message can't be delivered because delivery to this address is restricted.

Diagnostic information for administrators:

{PAT}
#550 5.7.1 RESOLVER.RST.AuthRequired; authentication required ##rfc822;{PAT}
""",
    ),
    "exchange-size": (
        "soft",
        f"""Your message did not reach some or all of the intended recipients.

      Subject:  News
      Sent:     1/1/2026 1:00 PM

The following recipient(s) could not be reached:

      {PAT} on 1/1/2026 1:00 PM
            This message is larger than the current system limit or the recipient's mailbox is full.  Create a shorter message body or remove attachments and try sending it again.
            <mx.partner.example #5.2.3>
""",
    ),
    "exchange-nosuch": (
        "hard",
        f"""Your message did not reach some or all of the intended recipients.

The following recipient(s) could not be reached:

      {PAT} on 1/1/2026 1:00 PM
            The e-mail account does not exist at the organization this message was sent to.  Check the e-mail address, or contact the recipient directly to find out the correct address.
            <mx.partner.example #5.1.1>
""",
    ),
    "yahoo-disabled": (
        "soft",
        f"""Sorry, we were unable to deliver your message to the following address.

<{PAT}>:
Remote host said: 554 delivery error: dd Sorry your message to {PAT} cannot be delivered. This account has been disabled or discontinued [#102]. [BODY]

--- Below this line is a copy of the message.
{ORIGINAL}""",
    ),
    "spamhaus": (
        "sender",
        f"""<{PAT}>: host mx.partner.example[192.0.2.7] said: 554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org (in reply to RCPT TO command)
""",
    ),
    "greylist": (
        "soft",
        f"""<{PAT}>: host mx.partner.example[192.0.2.7] said: 450 4.2.0 <{PAT}>: Recipient address rejected: Greylisted (in reply to RCPT TO command)
""",
    ),
    "s3140": (
        "sender",
        f"""<{PAT}>: host outlook-com.olc.protection.outlook.com said: 550 5.7.1 Unfortunately, messages from [192.0.2.9] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140). (in reply to MAIL FROM command)
""",
    ),
    "gmail-5.7.26": (
        "sender",
        f"""<{PAT}>: host gmail-smtp-in.l.google.com said: 550-5.7.26 This mail is unauthenticated, which poses a security risk to the sender and Gmail users, and has been blocked. (in reply to end of DATA command)
""",
    ),
    "policy-mailbox": (
        "sender",
        f"""<{PAT}>: host mx said: 550 5.7.1 Message rejected due to content restrictions (in reply to end of DATA command)
""",
    ),
    "inactive": (
        "soft",
        f"""<{PAT}>: host mx said: 550 5.2.1 The email account that you tried to reach is disabled. (in reply to RCPT TO command)
""",
    ),
}


def notice(words):
    head = (
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: news@clinic.example\nSubject: Undeliverable: News\n\n"
    )
    return (head + words).encode()


@pytest.mark.parametrize("shape", NOTICES)
def test_a_notice_names_the_address_and_what_became_of_the_mail(shape):
    kind, words = NOTICES[shape]
    found = judge_octets(notice(words)).recipients
    assert [(each.address, each.bounce.value) for each in found] == [(PAT, kind)]


@pytest.mark.parametrize("shape", [shape for shape in NOTICES if ORIGINAL in NOTICES[shape][1]])
def test_the_mail_that_came_back_is_known(shape):
    assert judge_octets(notice(NOTICES[shape][1])).original_message_id == "4f1c9e70@clinic.example"


def test_the_same_words_from_a_person_are_no_bounce():
    words = NOTICES["google"][1]
    raw = notice(words).replace(b"MAILER-DAEMON@mx.example.net", b"jo@gym.example").replace(b"Return-Path: <>\n", b"")
    assert judge_octets(raw).kind == "reply"
