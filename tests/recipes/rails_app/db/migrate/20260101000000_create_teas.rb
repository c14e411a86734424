class CreateTeas < ActiveRecord::Migration[6.1]
  def change
    create_table(:teas) { |table| table.string :name }
  end
end
