class TeasController < ActionController::Base
  def index
    @columns = Tea.column_names
  end
end
