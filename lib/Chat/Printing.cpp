//===- Printing.cpp - Values as Jinja prints them -------------------------===//

#include "Printing.h"

namespace qzc::chat {

namespace {

/// {{ value }}, where it stands in a text.
struct Printed : jinja::expression {
  explicit Printed(jinja::statement_ptr value) : Value(std::move(value)) {
    pos = Value->pos;
  }

  jinja::value execute_impl(jinja::context &context) const override {
    jinja::value value = Value->execute(context);
    if (jinja::is_val<jinja::value_array>(value) ||
        jinja::is_val<jinja::value_object>(value) || value->is_none())
      return jinja::mk_val<jinja::value_string>(value->as_string());
    return value;
  }

  jinja::statement_ptr Value;
};

void visit(jinja::statements &body) {
  for (jinja::statement_ptr &part : body) {
    if (auto *one = dynamic_cast<jinja::if_statement *>(part.get())) {
      visit(one->body);
      visit(one->alternate);
    } else if (auto *one = dynamic_cast<jinja::for_statement *>(part.get())) {
      visit(one->body);
      visit(one->default_block);
    } else if (auto *one = dynamic_cast<jinja::set_statement *>(part.get())) {
      visit(one->body);
    } else if (auto *one = dynamic_cast<jinja::macro_statement *>(part.get())) {
      visit(one->body);
    } else if (auto *one = dynamic_cast<jinja::call_statement *>(part.get())) {
      visit(one->body);
    } else if (auto *one =
                   dynamic_cast<jinja::filter_statement *>(part.get())) {
      visit(one->body);
    } else if (dynamic_cast<jinja::expression *>(part.get())) {
      part = std::make_unique<Printed>(std::move(part));
    }
  }
}

} // namespace

void printAsPython(jinja::program &program) { visit(program.body); }

} // namespace qzc::chat
