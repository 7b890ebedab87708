"""The words of the readers' pages, in each language; no other text stands on them."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "en": {
        "this address": "this address",
        "ask": "Stop these mails?",
        "for": "The mails go to {address}.",
        "stop everything": "Stop all mails",
        "everything means": "You get no more mails from us.",
        "stop topic": "Stop only this kind",
        "topic means": "You get no more of the kind of mail that led you here. Others may still come.",
        "left": "You will get no more mails",
        "left means": "We do not write to {address} any more. A mail that is on its way right now may still arrive.",
        "left topic": "No more mails of this kind",
        "left topic means": "We do not send this kind of mail to {address} any more. Others may still come.",
        "mistake": "Was it a mistake?",
        "return": "I want mails again",
        "returned": "You will get our mails again",
        "returned means": "We write to {address} again, as before.",
        "changed your mind": "Changed your mind?",
        "unknown": "This link does not work",
        "unknown means": "Perhaps it was cut off on its way. To get no more mails from us, answer any of them with the "
        "word STOP, or call us: {phone}",
        "trouble": "Please try again in a few minutes",
        "trouble means": "Nothing was changed. You can also answer any of our mails with the word STOP, or call us: "
        "{phone}",
    },
    "es": {
        "this address": "esta dirección",
        "ask": "¿Cancelar estos correos?",
        "for": "Los correos llegan a {address}.",
        "stop everything": "Cancelar todos los correos",
        "everything means": "No recibirá más correos nuestros.",
        "stop topic": "Cancelar solo este tipo",
        "topic means": "No recibirá más correos como el que le trajo aquí. Otros sí pueden llegar.",
        "left": "No recibirá más correos",
        "left means": "Ya no escribimos a {address}. Un correo que ya está en camino todavía puede llegar.",
        "left topic": "No más correos de este tipo",
        "left topic means": "Ya no enviamos este tipo de correo a {address}. Otros sí pueden llegar.",
        "mistake": "¿Fue un error?",
        "return": "Quiero recibir correos otra vez",
        "returned": "Recibirá nuestros correos otra vez",
        "returned means": "Volvemos a escribir a {address}, como antes.",
        "changed your mind": "¿Cambió de opinión?",
        "unknown": "Este enlace no funciona",
        "unknown means": "Quizá se cortó en el camino. Para no recibir más correos nuestros, responda a cualquiera de "
        "ellos con la palabra STOP o llámenos: {phone}",
        "trouble": "Inténtelo de nuevo en unos minutos, por favor",
        "trouble means": "No se cambió nada. También puede responder a cualquiera de nuestros correos con la palabra "
        "STOP o llamarnos: {phone}",
    },
}
